"""What Textual trusts a terminal with: that it stays, and that nothing but Ctrl+Z stops the process.

A terminal that goes away says so with SIGHUP to the process that leads it. Any other only finds that it can't
write: Textual's writing thread dies of that, and its loop then waits for ever. With nothing to write, its
reading thread meets the end, and reads it again and again.
"""

import os
import select
import signal
import threading
from collections.abc import Callable

from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread


def watch_terminal(driver: Driver | None, repaint: Callable[[], object]) -> None:
    """A terminal that is gone counts as hung up; a SIGCONT out of the blue only repaints."""
    threading.excepthook = _thread_died
    if (read_from := getattr(driver, "fileno", None)) is not None:
        threading.Thread(target=_wait_for_its_end, args=(read_from,), daemon=True).start()
    resume: Callable[[], None] | None = getattr(driver, "_sigcont_application", None)
    if resume is None:
        return

    def go_on(*_: object) -> None:
        # After `kill -STOP` nothing was suspended: resuming would start a second thread that reads keys.
        if getattr(driver, "_must_signal_resume", True):
            resume()
        else:
            repaint()

    signal.signal(signal.SIGCONT, go_on)


def _wait_for_its_end(terminal: int) -> None:
    poll = select.poll()
    poll.register(terminal, 0)
    ((_, event),) = poll.poll()
    if event & select.POLLHUP:
        os.kill(os.getpid(), signal.SIGHUP)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.thread, WriterThread):
        threading.__excepthook__(args)
        return
    os.kill(os.getpid(), signal.SIGHUP)
    # Who writes must not wait for a queue that nobody empties: it would never hear the signal.
    queue = args.thread._queue  # noqa: SLF001 - it has no other way out
    while queue.get() is not None:
        pass
