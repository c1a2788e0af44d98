"""Every key of the probe screen and of its panes, and what each does; a key that is not here fails."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from textual.binding import Binding
from textual.command import CommandPalette

from llmprobe.tui.app import ProbeApp
from llmprobe.tui.panes.capacity import CapacityPane
from llmprobe.tui.panes.details import DetailsPane
from llmprobe.tui.panes.events import EventsPane
from llmprobe.tui.panes.streams import StreamsPane
from llmprobe.tui.screens.ask import AskScreen
from llmprobe.tui.screens.endpoint import EndpointScreen
from llmprobe.tui.screens.help import HelpScreen
from llmprobe.tui.screens.mark import MarkScreen
from llmprobe.tui.screens.open import OpenScreen
from llmprobe.tui.screens.probe import ProbeScreen
from llmprobe.tui.screens.profile import ProfileScreen
from llmprobe.tui.screens.reply import ReplyScreen
from llmprobe.tui.screens.results import ResultsScreen
from llmprobe.tui.screens.save import SaveScreen
from llmprobe.tui.screens.settings import SettingsScreen

pytestmark = pytest.mark.anyio
Seen = Callable[[Any, Any], object]
"""Takes the app and its session: whether the key did what it is for."""


def load(users: int) -> Seen:
    return lambda _, session: session.named("set_load") == [(users, "users")]


def over(screen: type) -> Seen:
    return lambda app, _: isinstance(app.screen, screen)


def pane(name: str) -> Seen:
    return lambda app, _: app.probe.focused_pane == name


def at_stream(row: int) -> Seen:
    return lambda app, _: app.probe.streams.live.roll.cursor == row


# Keys before it, the key, and what is seen then; the screen runs at 64 users, and the streams have the focus.
DOES: tuple[tuple[tuple[str, ...], str, Seen], ...] = (
    ((), "space", lambda _, session: session.named("stop") == [(False,)]),
    ((), "a", lambda _, session: session.named("arm")),
    *(((), key, load(32)) for key in ("minus", "left_square_bracket", "pagedown")),
    *(((), key, load(128)) for key in ("plus", "right_square_bracket", "pageup", "equals_sign")),
    *(((), key, load(63)) for key in ("left", "h")),
    *(((), key, load(65)) for key in ("right", "l")),
    (("1",), "home", load(1)),
    (("1",), "end", over(AskScreen)),
    (("1", "4", "8"), "enter", load(48)),
    ((), "u", lambda app, session: session.named("set_load") == [(8.9, "rate")] and app.feed.kind == "rate"),
    ((), "p", over(ProfileScreen)),
    ((), "s", over(SaveScreen)),
    ((), "e", over(EndpointScreen)),
    ((), "o", over(OpenScreen)),
    ((), "t", over(ReplyScreen)),
    ((), "r", over(ResultsScreen)),
    ((), "y", lambda app, _: app.clipboard.startswith("**FAILED**")),
    ((), "v", lambda app, _: app.probe.streams.past),
    ((), "slash", lambda app, _: app.probe.streams.record.typing),
    ((), "enter", lambda app, _: app.probe.streams.text.follow == 0),
    (("1",), "z", lambda app, _: app.probe.zoomed == "load"),
    ((), "m", over(MarkScreen)),
    ((), "comma", over(SettingsScreen)),
    *(((), key, over(HelpScreen)) for key in ("question_mark", "f1")),
    *(((), key, over(AskScreen)) for key in ("q", "ctrl+q")),
    ((), "1", pane("load")),
    ((), "2", pane("figures")),
    ((), "3", pane("capacity")),
    (("2",), "4", pane("streams")),
    ((), "5", pane("events")),
    ((), "6", pane("details")),
    (("1",), "tab", pane("figures")),
    (("2",), "shift+tab", pane("load")),
    (("z",), "escape", lambda app, _: app.probe.zoomed is None),
    ((), "ctrl+p", over(CommandPalette)),
    ((), "ctrl+z", lambda _, session: session.named("stop") == [(False,)]),
    # In a pane
    *(((), key, at_stream(1)) for key in ("down", "j")),
    *((("down", "down"), key, at_stream(1)) for key in ("up", "k")),
    ((), "end", at_stream(63)),
    (("end",), "home", at_stream(0)),
    ((), "ctrl+d", lambda app, _: app.probe.streams.live.roll.cursor > 1),
    (("end",), "ctrl+u", lambda app, _: 0 < app.probe.streams.live.roll.cursor < 63),
    ((), "c", lambda app, _: app.clipboard),
    *((("3",), key, lambda app, _: app.probe._capacity.chosen == 80) for key in ("up", "k")),
    *((("3",), key, lambda app, _: app.probe._capacity.chosen == 48) for key in ("down", "j")),
    *((("5",), key, lambda app, _: app.probe._events._back == 1) for key in ("up", "k")),
    *((("5", "up", "up"), key, lambda app, _: app.probe._events._back == 1) for key in ("down", "j")),
    *((("6",), key, lambda app, _: app.probe._details._first == 1) for key in ("down", "j")),
    *((("6", "down", "down"), key, lambda app, _: app.probe._details._first == 1) for key in ("up", "k")),
)  # fmt: skip
TEXTUALS = {"ctrl+p"}
"""Its own, for the palette."""
OWNERS = (ProbeApp, ProbeScreen, StreamsPane, CapacityPane, EventsPane, DetailsPane)


@pytest.mark.parametrize(("before", "key", "seen"), DOES, ids=["+".join((*b, k)) for b, k, _ in DOES])
async def test_a_key_does_what_it_is_for(
    build: Any, stage: Any, before: tuple[str, ...], key: str, seen: Seen
) -> None:
    session = stage.FakeSession(stage.running_view())
    app = build(session)
    async with stage.running(app) as pilot:
        for number in range(30):
            app.feed.note("·", f"event {number}")
        for one in before:
            await pilot.press(one)
            await stage.look(pilot)
        await pilot.press(key)
        await stage.look(pilot)
        assert seen(app, session)


@pytest.mark.parametrize(("keys", "code"), [(("q", "q"), 0), (("ctrl+c",), 128 + signal.SIGINT)])
async def test_a_key_that_leaves_closes_the_session(
    build: Any, stage: Any, keys: tuple[str, ...], code: int
) -> None:
    session = stage.FakeSession(stage.running_view())
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
    assert session.named("close")
    assert app.return_value == code


def test_no_key_is_without_a_test() -> None:
    bound = {
        key
        for owner in OWNERS
        for binding in owner.BINDINGS
        for key in (binding if isinstance(binding, Binding) else Binding(*binding)).key.split(",")
    }
    assert bound == {key for _, key, _ in DOES} - TEXTUALS | {"ctrl+c"}
