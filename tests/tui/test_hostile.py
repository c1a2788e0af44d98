"""What an endpoint says reaches the terminal as text, never as a control or as markup."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.engine import TestReply
from llmprobe.core.errors import EndpointError
from llmprobe.core.outcome import Outcome

pytestmark = pytest.mark.anyio

HOSTILE = (
    "see [/b] [red]x[/] [@click=app.quit]y[/] \x1b[31mRED\x1b[2J \x1b]52;c;SEVMTE8=\x07 \x9b5A \x07 "
    "\u202eevil\u202c \u2066iso\u2069 \u200bzero \ufeffbom \r back \x08\x00 end"
)
"""Escape sequences, OSC 52, C1, bells, what turns the direction of text or hides in it, and markup."""
FORBIDDEN = ("\x1b", "\x07", "\x08", "\x00", "\r", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff")


def hostile_view(stage: Any) -> Any:
    view = stage.running_view()
    rows = tuple(replace(row, tail=HOSTILE, state="streaming") for row in view.snapshot.rows)
    log = tuple(
        replace(stage.finished(index), text=HOSTILE, prompt_id=HOSTILE, error=HOSTILE if index % 2 else None)
        for index in range(9, 0, -1)
    )
    snapshot = replace(view.snapshot, rows=rows, log=log, followed=replace(rows[0], tail=HOSTILE * 3))
    snapshot = replace(snapshot, last_error=HOSTILE, token_source=HOSTILE)
    return replace(view, snapshot=snapshot, model=HOSTILE, note=HOSTILE, url=HOSTILE, folder=HOSTILE)


def assert_clean(stage: Any, app: Any) -> None:
    text = stage.text_of(app).replace("\n", "")
    assert not any(mark in text for mark in FORBIDDEN)
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cf", "Cs"}
    assert "render error" not in text


async def test_no_pane_and_no_dialog_lets_a_control_through(build: Any, stage: Any) -> None:
    session = stage.FakeSession(hostile_view(stage), consent=HOSTILE)
    session.reply = TestReply(HOSTILE, HOSTILE, stage.record(error=HOSTILE, finish_reason=HOSTILE), HOSTILE)
    verdict = replace(stage.result().verdict, reasons=(HOSTILE,))
    session.came_to = stage.result(name=HOSTILE, ended=HOSTILE, url=HOSTILE, model=HOSTILE, verdict=verdict)
    app = build(session)
    async with stage.running(app, (200, 50)) as pilot:
        assert "[/b]" in stage.text_of(app)
        for keys in (
            (), ("enter",), ("escape", "v"), ("enter",), ("escape", "t"), ("escape", "q"), ("escape", "e"),
            ("escape", "s"), ("escape", "5"), ("r",), ("end",), ("y",),
        ):  # fmt: skip
            await pilot.press(*keys)
            await stage.look(pilot)
            assert_clean(stage, app)
        assert not any(mark in app.clipboard for mark in FORBIDDEN)


async def test_events_errors_and_questions_are_clean_too(build: Any, stage: Any) -> None:
    session = stage.FakeSession(consent=HOSTILE)
    session.fails["test"] = EndpointError(HOSTILE)
    app = build(EndpointError(HOSTILE), session)
    async with stage.running(app, (200, 50)) as pilot:
        assert "[/b]" in stage.text_of(app)
        assert_clean(stage, app)
        await pilot.press("e", "enter")
        await stage.look(pilot)
        await pilot.press("space")
        await stage.look(pilot)
        assert "[/b]" in stage.text_of(app)
        assert_clean(stage, app)
        await pilot.press("enter", "t")
        await stage.look(pilot)
        assert_clean(stage, app)
        outcomes = {Outcome.SERVER_ERROR: 1}
        running = stage.running_view()
        session.seen = running
        await stage.look(pilot)
        session.seen = replace(
            running, snapshot=replace(running.snapshot, outcomes=outcomes, last_error=HOSTILE)
        )
        await pilot.press("escape")
        await stage.look(pilot)
        assert "first server_error: see [/b]" in stage.text_of(app)
        assert_clean(stage, app)


SCRIPT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("stage", sys.argv[1])
stage = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stage)
spec = importlib.util.spec_from_file_location("hostile", sys.argv[2])
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)
session = stage.FakeSession(hostile.hostile_view(stage.Stage))

async def opener(scenario):
    return session

raise SystemExit(stage.ProbeApp(opener, stage.SCENARIO, autostart=False).run())
"""


def test_the_bytes_on_the_terminal_hold_none_of_it() -> None:
    here = Path(__file__)
    master, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(here.with_name("conftest.py")), str(here)],
        stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    os.close(inner)
    seen = b""
    try:
        for wait_for, keys in ((b"RED", b"v"), (b"finished", b"\r"), (b"prompt see", b"\x03")):
            seen += read_until(master, wait_for)
            os.write(master, keys)
        seen += read_until(master, None)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"[/b]" in seen
    assert b"\x1b]52;" not in seen
    assert b"\x1b[31mRED" not in seen
    seen = re.sub(rb"\x1b\]22;[a-z]*\x07", b"", seen)  # the shape of the mouse's pointer, by Textual
    for mark in ("\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff"):
        assert mark.encode() not in seen


def read_until(master: int, words: bytes | None) -> bytes:
    """All bytes up to some words; without any up to the end."""
    seen = b""
    deadline = time.monotonic() + 60
    while words is None or words not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    return seen
