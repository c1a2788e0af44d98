"""The screen of llmprobe in a pseudo-terminal that is read all the time, and what it costs. Linux (/proc)."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Self

_LOOK_S = 0.002
_PATIENCE_S = 60.0
_KEPT = 1 << 16


def surroundings() -> dict[str, str]:
    """This environment, for a process that runs this tree as an installed one runs: its bytecode kept."""
    here = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}


class PtyScreen:
    """llmprobe with its screen, in a folder of its own; use it as a context manager."""

    def __init__(
        self, folder: Path, *arguments: str, size: tuple[int, int] = (120, 36), module: str = "llmprobe"
    ) -> None:
        columns, rows = size
        self.folder = folder
        self._fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal = {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state"),
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=folder, stdin=inner, stdout=inner,
            stderr=inner, start_new_session=True, env=surroundings() | terminal,
        )  # fmt: skip
        os.close(inner)
        self._seen = bytearray()
        self._total = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        """It has started already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        self.leave()
        os.close(self._fd)

    def leave(self) -> None:
        """Ctrl+C, as a person leaves; a kill where that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        try:
            while data := os.read(self._fd, 1 << 16):
                with self._lock:
                    self._seen += data
                    self._total += len(data)
                    del self._seen[:-_KEPT]
        except OSError:
            pass  # it has ended

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    @property
    def written(self) -> int:
        """Bytes drawn so far."""
        return self._total

    def drawn_since(self, mark: int) -> bytes:
        """What was drawn since so many bytes, escape sequences left out."""
        with self._lock:
            fresh = bytes(self._seen[max(0, len(self._seen) - (self._total - mark)) :])
        return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", fresh)

    def until(self, words: bytes, *, since: int = 0, within_s: float = _PATIENCE_S) -> float:
        """Wait for some words; seconds that it took. Raises `TimeoutError`."""
        began = time.monotonic()
        while words not in self.drawn_since(since):
            if time.monotonic() - began > within_s or self._process.poll() is not None:
                raise TimeoutError(f"{words!r} did not appear: {self.drawn_since(0)[-400:]!r}")
            time.sleep(_LOOK_S)
        return time.monotonic() - began

    def cpu_s(self) -> float:
        """User and system time of the screen's own process, its threads together."""
        ticks = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            ticks += int((task / "schedstat").read_text().split()[0])
        return ticks / 1e9

    def memory(self) -> int:
        """Bytes that are resident."""
        fields = Path(f"/proc/{self._process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
