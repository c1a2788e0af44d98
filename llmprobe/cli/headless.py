"""A run without a screen, from its first request to its printed result. Progress goes to stderr."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from llmprobe.cli import exit_codes
from llmprobe.cli.consent import agree
from llmprobe.cli.output import deliver
from llmprobe.cli.progress import Progress, progress_of
from llmprobe.core.scenario import Scenario
from llmprobe.report.result import Result
from llmprobe.session.opening import Options, open_session
from llmprobe.session.session import DRAIN_S, Session
from llmprobe.session.stop import Ending, Reason

_LOOK_EVERY_S = 0.5


def conduct(
    scenario: Scenario,
    options: Options,
    args: argparse.Namespace,
    judge: Callable[[Result], int] = lambda result: result.verdict.exit_code,
) -> int:
    """Run it to its end, or search where it has an autopilot.

    The exit code is what `judge` says (the verdict's), or 128 + the signal that ended it.
    """
    return asyncio.run(_conduct(scenario, options, args, judge))


async def _conduct(
    scenario: Scenario, options: Options, args: argparse.Namespace, judge: Callable[[Result], int]
) -> int:
    session = await open_session(scenario, options)
    caught: list[int] = []
    try:
        agree(session.consent(), yes=args.yes)
    except BaseException:
        await session.close()
        raise
    with _signals(session, caught):
        try:
            if (note := session.view().note) is not None and not args.quiet:
                print(f"llmprobe: {note}", file=sys.stderr)
            if scenario.autopilot is not None:
                await session.arm(scenario.autopilot.strategy)
            else:
                await session.start()
            await _watch(session, progress_of(session.view(), quiet=args.quiet, plain=args.plain))
        finally:
            ending = Ending(Reason.INTERRUPTED, "interrupted by a signal") if caught else None
            result = await session.close(ending, drain_s=0.0 if caught else DRAIN_S)
        if result is not None:
            deliver(result, session.recorder.folder, args)
    if caught or result is None:
        return exit_codes.SIGNAL + (caught[0] if caught else signal.SIGINT)
    return judge(result)


async def _watch(session: Session, progress: Progress) -> None:
    """Show how it goes until it has ended."""
    while not session.finished.is_set():
        progress.show(session.view())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.finished.wait(), _LOOK_EVERY_S)
    progress.close()


@contextlib.contextmanager
def _signals(session: Session, caught: list[int]) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP end the run instead of the process; a second one does no more.

    An impatient second Ctrl+C must not cost the result: what is in flight was cancelled by the first.
    """
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        caught.append(number)
        session.finished.set()

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in handled:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
            if caught:
                # All is written; one that comes while the interpreter ends must not change the exit code.
                signal.signal(number, signal.SIG_IGN)
