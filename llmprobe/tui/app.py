"""The screen as an application: opens the session, draws in the theme in force, and leaves nothing behind.

However it ends (q, Ctrl+C, SIGTERM, a terminal that is gone, an error) `session.close` is awaited first.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec.structs import replace
from rich.text import Text
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import Command, CommandPalette
from textual.screen import Screen

from llmprobe.core.engine import Watch
from llmprobe.core.errors import LlmprobeError, UsageError
from llmprobe.core.offer import Offer, Offers
from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import clean
from llmprobe.core.target import is_sim
from llmprobe.tui import welcome
from llmprobe.tui.feed import Feed, Opener
from llmprobe.tui.keys import with_keys
from llmprobe.tui.layout import HEIGHTS, WIDTHS
from llmprobe.tui.lifetime import Lifetime
from llmprobe.tui.screens.probe import ProbeScreen
from llmprobe.tui.settings import Settings, load_settings, settings_file
from llmprobe.tui.terminal import watch_terminal
from llmprobe.tui.theme import DEFAULT, load_themes
from llmprobe.tui.widgets.ascii import wants_ascii
from llmprobe.tui.widgets.ink import Ink

if TYPE_CHECKING:
    from llmprobe.tui.acts import Acts

INTERNAL = 70
_LOOK_AROUND_AFTER_S = 1.0
"""The first frames come first."""
_OFFER_STAYS_S = 12.0


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

    def __init__(
        self,
        opener: Opener,
        scenario: Scenario,
        *,
        autostart: bool,
        find_offers: Callable[[], Offers] = Offers,
    ) -> None:
        colour = "NO_COLOR" not in os.environ
        self._own_themes = load_themes()
        self.settings = load_settings(settings_file())
        """In force, saved or not."""
        if self.settings.theme not in self._own_themes:
            there = ", ".join(self._own_themes)
            raise UsageError(
                f"{settings_file()}: theme: no theme is named {self.settings.theme!r}; there are {there}"
            )
        self.keys = with_keys(self.settings.keys)
        super().__init__(ansi_color=None if colour else True)
        self.feed = Feed(scenario)
        self.opener, self.find_offers = opener, find_offers
        self._lifetime = Lifetime(self.feed, opener, autostart=autostart)
        self._colour = colour
        self._ascii = _only_ascii(self.settings)
        self._put_themes()
        self._ink: tuple[dict[str, str], Ink] | None = None
        self._leaving = False
        self._hung_up = False

    @cached_property
    def acts(self) -> "Acts":
        """What a person does to the session; its methods are what the keys name."""
        # With all dialogs: a first frame does not wait for them.
        from llmprobe.tui.acts import Acts

        return Acts(self)

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
        self.set_reactive(App.theme, self.settings.theme)
        self.stylesheet.set_variables(self.get_css_variables())

    def apply(self, settings: Settings) -> None:
        """Look and behave like this from now on."""
        self.settings, self.keys = settings, with_keys(settings.keys)
        self.theme = settings.theme
        self._ascii = _only_ascii(settings)
        self._ink = None
        self._behave()
        self.refresh_css(animate=False)

    def _behave(self) -> None:
        """What is no matter of colours; they are in force before the first frame."""
        self.set_class(self._ascii, "-ascii")
        self.set_keymap(self.settings.keys)
        self.probe.look_every(1 / self.settings.refresh)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own names too."""
        return self._own_themes[DEFAULT].variables

    def get_default_screen(self) -> Screen[Any]:
        """The one screen there is."""
        return ProbeScreen(
            self.feed,
            moved=lambda load: self.acts.move_load(load),  # noqa: PLW0108 - not loaded before a person acts
            turned=lambda: self.acts.turn_load(),  # noqa: PLW0108 - likewise
            end_asked=lambda load: self.acts.ask_end(load),  # noqa: PLW0108 - likewise
            watch=self._watch_rows,
        )

    def _watch_rows(self, watch: Watch) -> None:
        if self.feed.session is not None:
            self.acts.watch_rows(watch)

    @property
    def probe(self) -> ProbeScreen:
        """That screen, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, ProbeScreen)
        return screen

    # Opening and leaving

    def on_mount(self) -> None:
        """Open what was asked for; be ready to be told to go."""
        self._behave()
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._told_to_go, number)
            watch_terminal(self._driver, partial(loop.call_soon_threadsafe, self._repaint))
        # Once the first frame is seen: what opens a session takes a while to load.
        self.call_after_refresh(self.reopen, self.feed.scenario)
        newcomer = not self.is_headless and welcome.first_time()
        if newcomer:
            self.probe.banner.flash("·", "\n".join(welcome.LINES), passes_after_s=welcome.STAYS_S)
        if is_sim(self.feed.scenario.endpoint.url):
            after_s = welcome.STAYS_S if newcomer else _LOOK_AROUND_AFTER_S
            self.set_timer(after_s, partial(self.beside, self._look_around))

    def _repaint(self) -> None:
        self.refresh(layout=True)

    async def _look_around(self) -> None:
        """Whoever plays with the simulator may have a real endpoint at hand."""
        local = (await asyncio.to_thread(self.find_offers)).local
        if local and is_sim(self.feed.scenario.endpoint.url):
            found = answering(local)
            self.probe.banner.flash("·", f"{found}: e to open it", passes_after_s=_OFFER_STAYS_S)
            self.feed.note("·", found)

    def reopen(self, scenario: Scenario) -> None:
        """Close what is open, if anything, and open this."""
        self.acts.agreed = False
        self.probe.streams.forget()
        self.beside(partial(self._reopen, scenario))

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
            self.beside(partial(self._leave, code))

    async def _leave(self, code: int) -> None:
        message: str | None = None
        try:
            await self._lifetime.end()
        except LlmprobeError as error:
            code, message = code or error.exit_code, error.message
        if self._hung_up:
            # Textual's own end talks to the terminal, which is gone, and would wait for it for ever.
            os._exit(code)
        self.exit(code, message=None if message is None else Text(clean(message)))

    def hang_up(self) -> None:
        """Whoever the screen was drawn for is gone."""
        self._told_to_go(signal.SIGHUP)

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
        """Ctrl+Q, and Textual's own."""
        self.acts.quit()

    async def action_pause(self) -> None:
        """Ctrl+Z: the load stops before the screen is out of sight."""
        if self.is_web:
            return
        if (session := self.feed.session) is not None:
            await self.acts.guarded(session.stop)
        self.action_suspend_process()
        self.probe.banner.flash("·", "the load was stopped before the screen was suspended; space goes on")

    @property
    def failed_with(self) -> int | None:
        """The exit code while no session was ever open; None from then on."""
        return self._lifetime.failed_with

    # What keys and the palette lead to

    def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it without keeping the screen waiting."""
        self.run_worker(cast("Any", work))  # its type is narrower than what it takes

    def action_act(self, name: str) -> None:
        """One of `Acts`, by name."""
        getattr(self.acts, name)()

    async def _do(self, call: str) -> None:
        """An action by name, out of whatever dialog lies over the panes."""
        if self.screen is not self.probe:
            self.screen.dismiss(None)
        await self.run_action(call, self.probe)

    def _wear(self, name: str) -> None:
        self.apply(replace(self.settings, theme=name))

    @on(CommandPalette.OptionHighlighted)
    def preview_theme(self, event: CommandPalette.OptionHighlighted) -> None:
        """A theme is seen while the palette's cursor is on it."""
        command = cast("Command", event.highlighted_event.option).hit.command
        if isinstance(command, partial) and command.func == self._wear:
            self.theme = command.args[0]
        else:
            self.theme = self.settings.theme

    @on(CommandPalette.Closed)
    def end_preview(self) -> None:
        """What was chosen is put on by its own command."""
        self.theme = self.settings.theme

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        """Every action, and the themes, for the palette."""
        for key in self.keys.values():
            yield SystemCommand(key.says, f"key: {clean(key.shown)}", partial(self._do, key.call))
        for name in self.available_themes:
            yield SystemCommand(f"Theme: {name}", "colours of the screen", partial(self._wear, name))


def answering(local: Sequence[Offer]) -> str:
    """`Ollama answers on 11434`, `Ollama on 11434 and vLLM on 8000 answer`. Pure."""
    if len(local) == 1:
        return f"{local[0].name} {local[0].place}"
    return " and ".join(f"{offer.name} {offer.place.removeprefix('answers ')}" for offer in local) + " answer"


def _only_ascii(settings: Settings) -> bool:
    return wants_ascii(os.environ) if settings.glyphs == "auto" else settings.glyphs == "ascii"


def _to_nobody(data: str) -> None:
    """What is drawn once the terminal is gone."""
