"""The screen as an application: opens the session, does to it what a person asks, and leaves nothing behind.

However it ends (q, Ctrl+C, SIGTERM, a terminal that is gone, an error) `session.close` is awaited first.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from llmprobe.core.engine import Watch
from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scenario import Scenario
from llmprobe.session.view import State, View
from llmprobe.tui.feed import Feed, Opener, ProbeSession
from llmprobe.tui.keys import KEYS, PANES
from llmprobe.tui.layout import HEIGHTS, WIDTHS
from llmprobe.tui.lifetime import Lifetime
from llmprobe.tui.screens.ask import AskScreen
from llmprobe.tui.screens.endpoint import EndpointScreen
from llmprobe.tui.screens.help import HelpScreen
from llmprobe.tui.screens.mark import MarkScreen
from llmprobe.tui.screens.probe import ProbeScreen
from llmprobe.tui.screens.reply import ReplyScreen
from llmprobe.tui.screens.save import SaveScreen
from llmprobe.tui.theme import DEFAULT, load_themes
from llmprobe.tui.widgets.ascii import wants_ascii
from llmprobe.tui.widgets.ink import Ink

INTERNAL = 70
Doing = Callable[[], Awaitable[object]]
_OVER = (State.FAILED, State.CLOSED)


class ProbeApp(App[int]):
    """`run()` returns the exit code: 0, the one of the error that kept it from opening, or 128 + a signal."""

    TITLE = "llmprobe"
    CSS_PATH = Path(__file__).with_name("probe.tcss")
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar = [
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("ctrl+q", "quit", show=False),
        Binding("ctrl+z", "pause", show=False),
    ]

    def __init__(self, opener: Opener, scenario: Scenario, *, autostart: bool) -> None:
        colour = "NO_COLOR" not in os.environ
        self._own_themes = load_themes()
        super().__init__(ansi_color=None if colour else True)
        self.feed = Feed(scenario)
        self._lifetime = Lifetime(self.feed, opener, autostart=autostart)
        self._colour = colour
        self._ascii = wants_ascii(os.environ)
        self._put_themes()
        self._ink: tuple[dict[str, str], Ink] | None = None
        self._agreed = False
        self._leaving = False
        self._hung_up = False
        self._sending = False

    # What widgets draw with

    @property
    def ink(self) -> Ink:
        """The styles of the theme in force."""
        if self._ink is None or self._ink[0] is not self.theme_variables:
            ink = Ink.of(self.theme_variables, colour=self._colour, ascii_only=self._ascii)
            self._ink = (self.theme_variables, ink)
        return self._ink[1]

    def _put_themes(self) -> None:
        """Ours in place of Textual's, before its first frame."""
        for name in list(self.available_themes):
            self.unregister_theme(name)
        for theme in self._own_themes.values():
            self.register_theme(theme)
        self.set_reactive(App.theme, DEFAULT)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own names too."""
        return self._own_themes[DEFAULT].variables

    def get_default_screen(self) -> Screen[Any]:
        """The one screen there is."""
        return ProbeScreen(self.feed, moved=self.move_load, end_asked=self.ask_end, watch=self.watch_rows)

    @property
    def probe(self) -> ProbeScreen:
        """That screen, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, ProbeScreen)
        return screen

    # Opening and leaving

    def on_mount(self) -> None:
        """Open what was asked for; be ready to be told to go."""
        self.set_class(self._ascii, "-ascii")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._told_to_go, number)
        self.reopen(self.feed.scenario)

    def reopen(self, scenario: Scenario) -> None:
        """Close what is open, if anything, and open this."""
        self._agreed = False
        self.probe.streams.forget()
        self._beside(partial(self._reopen, scenario))

    async def _reopen(self, scenario: Scenario) -> None:
        await self._lifetime.open(scenario)
        # What is in sight was told to nobody while nothing was open.
        self.probe.streams.forget()
        self.probe.poll()

    def leave(self, code: int) -> None:
        """Finish the run folder, end all processes, go."""
        if not self._leaving:
            self._leaving = True
            self.probe.banner.flash("·", "finishing the run folder and ending all processes …")
            self._beside(partial(self._leave, code))

    async def _leave(self, code: int) -> None:
        message: str | None = None
        try:
            await self._lifetime.end()
        except LlmprobeError as error:
            code, message = code or error.exit_code, error.message
        if self._hung_up:
            # Textual's own end talks to the terminal, which is gone, and would wait for it for ever.
            os._exit(code)
        self.exit(code, message=message)

    def _told_to_go(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP and self._driver is not None:
            self._hung_up = True
            self._driver.write = _to_nobody  # type: ignore[method-assign]  # it would block
        self.leave(128 + number)

    async def run_async(self, *args: Any, **options: Any) -> int | None:
        """As Textual's, but a session is closed whatever happened, and a crash has an exit code."""
        try:
            code = await super().run_async(*args, **options)
        finally:
            await self._lifetime.end()
        return INTERNAL if code is None and self.return_code else code

    def action_interrupt(self) -> None:
        """Ctrl+C: no question; nothing measured is lost."""
        self.leave(128 + signal.SIGINT)

    async def action_quit(self) -> None:
        """q: asks while requests are in flight."""
        view = self._view()
        code = self._lifetime.failed_with or 0
        if view is None or view.state in {State.IDLE, State.STOPPED, *_OVER}:
            self.leave(code)
            return
        question = (
            f"Stop now and quit? {view.snapshot.in_flight} requests in flight are cancelled; "
            f"what was measured stays in {view.folder}"
        )
        self._ask(AskScreen("Quit", question, yes="stop and quit", again="q"), lambda: self.leave(code))

    async def action_pause(self) -> None:
        """Ctrl+Z: the load stops before the screen is out of sight."""
        if (session := self.feed.session) is not None:
            await self._guarded(session.stop)
        self.action_suspend_process()
        self.probe.banner.flash("·", "the load was stopped before the screen was suspended; space goes on")

    # What a person does to the session

    def _beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it without keeping the screen waiting."""
        self.run_worker(cast("Any", work))  # its type is narrower than what it takes

    def _view(self) -> View | None:
        return self.feed.session.view() if self.feed.session is not None else None

    def _act(self, doing: Doing) -> None:
        """Do it beside the screen, and show the result at once."""
        self._beside(partial(self._guarded, doing))

    async def _guarded(self, doing: Doing) -> None:
        try:
            await doing()
        except LlmprobeError as error:
            self.probe.banner.flash("✖", error.message)
        self.probe.poll()

    def _ask(self, question: Screen[bool], then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(question, answered)

    async def action_start_stop(self) -> None:
        """Space: what it does depends on where the session is."""
        session, view = self.feed.session, self._view()
        if session is None or view is None:
            return
        match view.state:
            case State.IDLE | State.STOPPED:
                self._start(session)
            case State.RUNNING:
                self._act(session.stop)
            case State.STOPPING:
                self._act(partial(session.stop, now=True))
            case State.CAPPED:
                self._raise_cap(session, view)
            case _:
                pass

    def _start(self, session: ProbeSession) -> None:
        asked = None if self._agreed else session.consent()

        def begin() -> None:
            self._agreed = True
            self._act(session.start)

        if asked is None:
            begin()
        else:
            self._ask(AskScreen("Before anything is sent", asked, yes="start"), begin)

    def _raise_cap(self, session: ProbeSession, view: View) -> None:
        requests, usd = view.max_requests, view.max_usd
        if requests is not None and view.spent_requests >= requests:
            said, requests = f"{requests} requests were sent. Raise the cap to {requests * 2}?", requests * 2
        elif usd is not None:
            said, usd = f"${usd:g} are spent or reserved. Raise the cap to ${usd * 2:g}?", usd * 2
        else:
            return
        self._ask(
            AskScreen("Raise the cap", said, yes="raise"),
            lambda: self._act(partial(session.raise_caps, requests, usd)),
        )

    def move_load(self, users: int) -> None:
        """The hand is live: the newest load is sent, those it overtook are not."""
        self.feed.hand(users)
        if not self._sending:
            self._sending = True
            self._beside(self._send_load)

    async def _send_load(self) -> None:
        try:
            sent = None
            while (session := self.feed.session) is not None and sent != self.feed.users:
                sent = self.feed.users
                await self._guarded(partial(session.set_load, sent))
        finally:
            self._sending = False

    def ask_end(self, users: int) -> None:
        """The whole of the slider is worth a question."""
        slider = self.probe.load.slider
        question = f"Go from {slider.value} to {users} users at once?"
        self._ask(AskScreen("Up to the end", question, yes="go"), partial(slider.go, users))

    def watch_rows(self, watch: Watch) -> None:
        """Only what is looked at travels."""
        if (session := self.feed.session) is not None:
            self._act(partial(session.watch, watch))

    def action_save(self) -> None:
        """s: as a scenario."""
        if (session := self.feed.session) is not None:
            self.push_screen(SaveScreen(self.feed.scenario.name, session.save))

    def action_test(self) -> None:
        """t: one request outside the run; asks before it leaves this machine."""
        if (session := self.feed.session) is None:
            return
        url = session.view().url
        if session.consent() is None or self._agreed:
            self.push_screen(ReplyScreen(session.test, url))
            return
        question = f"One request leaves this machine for {url}. It costs what the endpoint charges for it."
        self._ask(
            AskScreen("Before anything is sent", question, yes="send"),
            lambda: self.push_screen(ReplyScreen(session.test, url)),
        )

    def action_endpoint(self) -> None:
        """e: another endpoint, model, key name or output limit."""

        def opened(scenario: Scenario | None) -> None:
            if scenario is not None and (scenario != self.feed.scenario or self.feed.session is None):
                self.reopen(scenario)

        view = self._view()
        running = view is not None and view.elapsed_s > 0
        self.push_screen(EndpointScreen(self.feed.scenario, running=running), opened)

    def action_mark(self) -> None:
        """m: a note beside the figures."""

        def noted(text: str | None) -> None:
            session = self.feed.session
            if text and session is not None:
                with contextlib.suppress(LlmprobeError):
                    session.mark(text)
                    self.feed.note("·", f"mark: {text}")
                self.probe.poll()

        if self.feed.session is not None:
            self.push_screen(MarkScreen(), noted)

    def action_help(self) -> None:
        """?: keys and terms."""
        self.push_screen(HelpScreen())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, and the themes, for the palette."""
        for key in (*KEYS, *PANES):
            yield SystemCommand(key.says, f"key: {key.shown}", partial(self.run_action, key.call, screen))
        for name in self.available_themes:
            yield SystemCommand(
                f"Theme: {name}", "colours of the screen", partial(setattr, self, "theme", name)
            )


def _to_nobody(data: str) -> None:
    """What is drawn once the terminal is gone."""
