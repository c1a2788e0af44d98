"""The whole program in a real terminal: from the first key to a replayed scenario, as a newcomer would."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

_ROWS, _COLUMNS = 24, 80
_PATIENCE_S = 120.0


class Terminal:
    """llmprobe in a pseudo-terminal of 80 x 24, read by a terminal emulator."""

    def __init__(self, folder: Path, *arguments: str, term: str = "xterm-256color") -> None:
        self.read = b""
        """Every byte that came."""
        self.screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmprobe", *arguments],
            cwd=folder, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            env={**os.environ, "TERM": term, "COLORTERM": "truecolor", "NO_COLOR": ""},
        )  # fmt: skip
        os.close(inner)
        self._open = True

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.screen.display)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until the screen shows it."""
        deadline = time.monotonic() + _PATIENCE_S
        while not seen(self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"the program ended:\n{self.text}"
        return self.text

    def shows(self, words: str) -> str:
        """Wait for some words."""
        return self.until(lambda text: words in text)

    def end(self) -> int:
        """Read until the program has ended; its exit code."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.text
            self._read()
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal, as a window is closed."""
        if self._open:
            self._open = False
            os.close(self._fd)

    def close(self) -> None:
        """Leave nothing behind."""
        self.hang_up()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], 0.1)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.read += data
        self._stream.feed(data)
        return bool(data)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Open terminals in an empty folder."""
    opened: list[Terminal] = []

    def start(*arguments: str, term: str = "xterm-256color") -> Terminal:
        opened.append(Terminal(tmp_path, *arguments, term=term))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


_SMOKE = Path(__file__).parents[1] / "scenarios" / "smoke.toml"
_ENTER_SCREEN = b"\x1b[?1049h"
_needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="/proc is Linux's")


@_needs_proc
def test_a_newcomer_gets_from_the_first_command_to_a_replayed_scenario(terminal, tmp_path):
    llmprobe = terminal("sim:small-gpu?speed=10")
    llmprobe.shows("RUNNING")
    llmprobe.shows("space Stop")
    llmprobe.shows("4 users")
    children = _children(llmprobe.process.pid)
    assert len(children) == 2
    llmprobe.press("+")
    llmprobe.shows("8 users")
    llmprobe.press("\x1b[C")
    llmprobe.shows("9 users")
    llmprobe.press("-")
    llmprobe.shows("by hand")
    llmprobe.press("v")
    llmprobe.shows("log")
    llmprobe.until(lambda shown: _requests(shown) > 60)
    llmprobe.press("s")
    llmprobe.shows("Save as a scenario")
    llmprobe.press("\r")
    llmprobe.shows("llmprobe run probe.toml")
    llmprobe.press("\r")
    llmprobe.until(lambda shown: "Save as a scenario" not in shown)
    llmprobe.press(" ")
    llmprobe.shows("STOPPED")
    llmprobe.press("q")
    assert llmprobe.end() == 0
    _wait_until_gone(children)
    (folder,) = (tmp_path / "llmprobe-runs").iterdir()
    assert json.loads((folder / "result.json").read_text())["totals"]["failed"] == 0

    done = subprocess.run(
        [sys.executable, "-m", "llmprobe", "run", "probe.toml", "--out", "replay", "--json", "-"],
        cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    replay = json.loads(done.stdout)
    assert replay["ended"] == "all stages are done"
    recorded, repeated = _prompts(folder), _prompts(tmp_path / "replay")
    both = recorded.keys() & repeated.keys()
    assert len(both) > 10
    assert all(recorded[index] == repeated[index] for index in both)


def _requests(shown: str) -> int:
    found = re.search(r"(\d+) requests", shown)
    return int(found[1]) if found is not None else 0


def _prompts(folder: Path) -> dict[int, str]:
    lines = (folder / "records.jsonl").read_text().splitlines()
    return {record["index"]: record["prompt_id"] for record in map(json.loads, lines)}


@_needs_proc
@pytest.mark.parametrize("way", ["hang up", "hang up unheard", "SIGTERM", "Ctrl+C", "q twice"])
def test_however_it_is_left_the_run_is_written_and_no_process_stays(terminal, tmp_path, way):
    llmprobe = terminal("sim:small-gpu?speed=10")
    llmprobe.shows("RUNNING")
    llmprobe.until(lambda text: "in flight 4" in text)
    pids = [llmprobe.process.pid, *_children(llmprobe.process.pid)]
    if way.startswith("hang up"):
        llmprobe.hang_up()
        if way == "hang up":
            os.kill(llmprobe.process.pid, signal.SIGHUP)  # what the system tells the terminal's leader alone
        code = llmprobe.process.wait(_PATIENCE_S)
    else:
        if way == "SIGTERM":
            os.kill(llmprobe.process.pid, signal.SIGTERM)
        else:
            llmprobe.press("\x03" if way == "Ctrl+C" else "q")
            if way == "q twice":
                llmprobe.shows("Stop now and quit?")
                llmprobe.press("q")
        code = llmprobe.end()
    assert code == {"SIGTERM": 143, "Ctrl+C": 130, "q twice": 0}.get(way, 129)
    _wait_until_gone(pids)
    (folder,) = (tmp_path / "llmprobe-runs").iterdir()
    assert json.loads((folder / "result.json").read_text())["totals"]["requests"] > 0


@_needs_proc
def test_a_screen_with_nothing_to_draw_ends_with_its_terminal_too(terminal):
    llmprobe = terminal(str(_SMOKE))
    llmprobe.shows("space Start")
    pids = [llmprobe.process.pid, *_children(llmprobe.process.pid)]
    llmprobe.hang_up()
    assert llmprobe.process.wait(_PATIENCE_S) == 129
    _wait_until_gone(pids)


def test_a_process_that_was_stopped_and_goes_on_is_as_before(terminal):
    llmprobe = terminal("sim:small-gpu?speed=10")
    llmprobe.shows("RUNNING")
    pid = llmprobe.process.pid
    for _ in range(2):
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        before = _requests(llmprobe.text)
        llmprobe.until(lambda text, before=before: _requests(text) > before)
    assert llmprobe.read.count(_ENTER_SCREEN) == 1
    llmprobe.press("\x03")
    assert llmprobe.end() == 130


def test_a_dumb_terminal_gets_sentences_without_control_characters(terminal):
    llmprobe = terminal("sim:small-gpu?speed=10", "--duration", "1s", term="dumb")
    llmprobe.shows("The run is in")
    llmprobe.end()
    assert b"4 users for 1 s. Ctrl+C stops it and prints the result." in llmprobe.read
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", llmprobe.read)
