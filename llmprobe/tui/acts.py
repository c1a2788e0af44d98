"""What a person does to the session: each public method without arguments is an action that a key names."""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.screen import Screen

from llmprobe.core.engine import TestReply, Watch
from llmprobe.core.errors import LlmprobeError
from llmprobe.core.load import LoadKind, Stage
from llmprobe.core.scenario import Scenario
from llmprobe.core.target import is_loopback
from llmprobe.report.formats import FORMATS
from llmprobe.session.recent import find_recent, judge_again, open_again
from llmprobe.session.view import State, View
from llmprobe.tui.chronicle import load_words
from llmprobe.tui.feed import ProbeSession
from llmprobe.tui.screens.ask import AskScreen
from llmprobe.tui.screens.endpoint import EndpointScreen
from llmprobe.tui.screens.help import HelpScreen
from llmprobe.tui.screens.mark import MarkScreen
from llmprobe.tui.screens.open import OpenScreen, opened_words
from llmprobe.tui.screens.profile import ProfileScreen
from llmprobe.tui.screens.reply import ReplyScreen
from llmprobe.tui.screens.results import ResultsScreen
from llmprobe.tui.screens.save import SaveScreen
from llmprobe.tui.screens.settings import SettingsScreen
from llmprobe.tui.settings import Settings, save_settings, settings_file

if TYPE_CHECKING:
    from llmprobe.tui.app import ProbeApp

Doing = Callable[[], Awaitable[object]]
KIND_WORDS: dict[LoadKind, str] = {
    "users": "closed load: so many users, each with one request at a time",
    "rate": "open load: so many requests a second, whatever is still in flight",
}
_AT_REST = (State.IDLE, State.STOPPED, State.FAILED, State.CLOSED)


class Acts:
    """Asks where something is at stake, does it beside the screen, and says what it ran into."""

    def __init__(self, app: "ProbeApp") -> None:
        self.agreed = False
        """Whether a person agreed to what this session may send."""
        self._app = app
        self._sending = False

    # The load

    def start_stop(self) -> None:
        """Space: what it does depends on where the session is."""
        session, view = self._session, self._view()
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

    def autopilot(self) -> None:
        """Give it the load, or take it back where it is."""
        session, view = self._session, self._view()
        if session is None or view is None:
            return
        if view.search is not None and view.search.armed:
            self._act(session.disarm)
        elif view.state in {State.IDLE, State.STOPPED}:
            self._start(session, session.arm)
        elif view.state is State.RUNNING:
            self._act(session.arm)

    def profile(self) -> None:
        """A load over time, from now on."""
        session, feed = self._session, self._app.feed
        if session is None:
            return

        def shaped(stages: tuple[Stage, ...] | None) -> None:
            if stages is not None:
                feed.hand(stages[0].to)
                self._start(session, partial(session.follow, stages))

        most = feed.scenario.load.max_users
        self._app.push_screen(ProfileScreen(feed.load, most, feed.kind), shaped)

    def turn_load(self) -> None:
        """Users, or requests a second: from one to the other, about as high as the load is."""
        if (view := self._view()) is not None:
            kind, load = view.other
            self.move_load(load, kind)
            self._app.probe.poll()  # the next key moves it in steps of this kind
            self._app.probe.banner.flash("·", KIND_WORDS[kind])

    def move_load(self, load: float, kind: LoadKind | None = None) -> None:
        """The hand is live: the newest load is sent, those it overtook are not."""
        self._app.feed.hand(load, kind)
        if not self._sending:
            self._sending = True
            self._app.beside(self._send_load)

    def ask_end(self, load: float) -> None:
        """The whole of the slider is worth a question."""
        slider, kind = self._app.probe.load.slider, self._app.feed.kind
        question = f"Go from {slider.value:g} to {load_words(load, kind)} at once?"
        self._ask(AskScreen("Up to the end", question, yes="go"), partial(slider.go, load))

    def watch_rows(self, watch: Watch) -> None:
        """Only what is looked at travels."""
        if (session := self._session) is not None:
            self._act(partial(session.watch, watch))

    # What was measured

    def save(self) -> None:
        """As a scenario."""
        if (session := self._session) is not None:
            self._app.push_screen(SaveScreen(self._app.feed.scenario.name, session.save))

    def results(self) -> None:
        """The verdict so far."""
        if (session := self._session) is not None:
            self._ask(ResultsScreen(session.result), self.save)

    def copy_verdict(self) -> None:
        """As Markdown, to the clipboard of the terminal."""
        if (session := self._session) is None:
            return

        async def copy() -> None:
            self._app.copy_to_clipboard(FORMATS["markdown"](await session.result()))
            self._app.probe.banner.flash("✓", "the verdict so far was copied as Markdown")

        self._act(copy)

    def mark(self) -> None:
        """A note beside the figures."""

        def noted(text: str | None) -> None:
            session = self._session
            if text and session is not None:
                with contextlib.suppress(LlmprobeError):
                    session.mark(text)
                    self._app.feed.note("·", f"mark: {text}")
                self._app.probe.poll()

        if self._session is not None:
            self._app.push_screen(MarkScreen(), noted)

    # The endpoint

    def test(self) -> None:
        """One request outside the run; asks before it leaves this machine."""
        if (session := self._session) is None:
            return
        free = session.consent() is None or self.agreed
        self._show_reply(session.test, session.view().url, free=free)

    def endpoint(self) -> None:
        """Another endpoint, model, key name or output limit."""
        feed = self._app.feed

        def opened(scenario: Scenario | None) -> None:
            if scenario is not None and (scenario != feed.scenario or feed.session is None):
                self._app.reopen(scenario)

        view = self._view()
        running = view is not None and view.elapsed_s > 0
        dialog = EndpointScreen(
            feed.scenario, running=running, offers=self._app.find_offers, models=_models_of,
            test=self._test_elsewhere,
        )  # fmt: skip
        self._app.push_screen(dialog, opened)

    def open(self) -> None:
        """A scenario, or a run of before: its results, and the scenario that does it again."""

        def opened(scenario: Scenario | None) -> None:
            if scenario is not None:
                self._app.reopen(scenario)
                self._app.probe.banner.flash("·", opened_words(scenario))

        view = self._view()
        running = view is not None and view.elapsed_s > 0
        self._app.push_screen(OpenScreen(find_recent, open_again, judge_again, running=running), opened)

    def _test_elsewhere(self, scenario: Scenario) -> None:
        """One request to an endpoint that isn't open, by a session of its own."""

        async def ask() -> TestReply:
            session = await self._app.opener(scenario)
            try:
                return await session.test()
            finally:
                await session.close()

        self._show_reply(ask, scenario.endpoint.url, free=is_loopback(scenario.endpoint.url))

    # The screen

    def help(self) -> None:
        """Keys and terms, those of the pane in focus first."""
        self._app.push_screen(HelpScreen(self._app.keys, self._app.probe.focused_pane))

    def settings(self) -> None:
        """Seen while they are chosen; kept when they are saved."""
        app, before = self._app, self._app.settings

        def chosen(settings: Settings | None) -> None:
            if settings is None:
                app.apply(before)
                return
            try:
                save_settings(settings, settings_file())
            except LlmprobeError as error:
                app.probe.banner.flash("✖", error.message)
            else:
                app.probe.banner.flash("✓", f"saved in {settings_file()}")

        app.push_screen(SettingsScreen(before, tuple(app.available_themes), app.apply), chosen)

    def quit(self) -> None:
        """Asks while requests are in flight."""
        view = self._view()
        leave = partial(self._app.leave, self._app.failed_with or 0)
        if view is None or view.state in _AT_REST:
            leave()
            return
        question = (
            f"Stop now and quit? {view.snapshot.in_flight} requests in flight are cancelled; "
            f"what was measured stays in {view.folder}"
        )
        self._ask(AskScreen("Quit", question, yes="stop and quit", again="q"), leave)

    # How it is done

    @property
    def _session(self) -> ProbeSession | None:
        return self._app.feed.session

    def _view(self) -> View | None:
        return self._session.view() if self._session is not None else None

    def _act(self, doing: Doing) -> None:
        """Do it beside the screen, and show the result at once."""
        self._app.beside(partial(self.guarded, doing))

    async def guarded(self, doing: Doing) -> None:
        """Do it; what goes wrong is said."""
        try:
            await doing()
        except LlmprobeError as error:
            self._app.probe.banner.flash("✖", error.message)
        self._app.probe.poll()

    def _ask(self, question: Screen[bool], then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self._app.push_screen(question, answered)

    def _start(self, session: ProbeSession, start: Doing | None = None) -> None:
        asked = None if self.agreed else session.consent()

        def begin() -> None:
            self.agreed = True
            self._act(start or session.start)

        if asked is None:
            begin()
        else:
            self._ask(AskScreen("Before anything is sent", asked, yes="start"), begin)

    def _show_reply(self, ask: Callable[[], Awaitable[TestReply]], url: str, *, free: bool) -> None:
        reply = partial(ReplyScreen, ask, url)
        if free:
            self._app.push_screen(reply())
            return
        question = f"One request leaves this machine for {url}. It costs what the endpoint charges for it."
        self._ask(
            AskScreen("Before anything is sent", question, yes="send"),
            lambda: self._app.push_screen(reply()),
        )

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

    async def _send_load(self) -> None:
        try:
            sent, feed = None, self._app.feed
            while (session := self._session) is not None and sent != (feed.load, feed.kind):
                sent = feed.load, feed.kind
                await self.guarded(partial(session.set_load, *sent))
        finally:
            self._sending = False


def _models_of(scenario: Scenario) -> list[str]:
    # It loads all that opens a session, which a first frame does not wait for.
    from llmprobe.session.offers import find_models

    return find_models(scenario)
