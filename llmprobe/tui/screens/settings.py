"""Theme, glyphs, refresh and keys: each change is seen at once, and kept only when it is saved."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.widget import Widget

from llmprobe.tui.keys import KEYS, PANES, Key, with_keys
from llmprobe.tui.screens.dialog import Dialog
from llmprobe.tui.settings import GLYPHS, Settings
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.roll import Roll
from llmprobe.tui.widgets.spans import Line, fitted

_ENDS = (Hint("s", "save"), Hint("escape", "undo"))
_HINTS = (Hint("up,down", "choose"), Hint("left,right", "change"), *_ENDS)
_HINTS_KEY = (Hint("enter", "another key"), Hint("backspace", "as shipped"), *_ENDS)
_HINTS_PRESS = (Hint("escape", "keeps the old one"),)
_ACTIONS = (*KEYS, *PANES)
_CHOICES = ("theme", "glyphs", "refresh")
_LABEL = 12
_AROUND = 6
"""Lines of a screen that a box and what lies around it take."""


class SettingsList(Drawn, can_focus=True):
    """A line a setting; `changed` hears of each change, so that it can be seen."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False), Binding("down,j", "move(1)", show=False),
        Binding("left,h", "change(-1)", show=False), Binding("right,l", "change(1)", show=False),
        Binding("pageup,ctrl+u", "move(-8)", show=False), Binding("pagedown,ctrl+d", "move(8)", show=False),
        Binding("enter", "listen", show=False), Binding("backspace", "reset", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        settings: Settings,
        themes: Sequence[str],
        changed: Callable[[Settings], None],
        tell: Callable[..., None],
    ) -> None:
        super().__init__("settings")
        self.settings = settings
        self.listening = False
        """Whether the next key becomes that of the action under the cursor."""
        self._themes = list(themes)
        self._changed = changed
        self._tell = tell
        self._roll = Roll()
        self._trouble = ""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """As many lines as there are, if they fit the screen inside a box."""
        return max(1, min(len(_CHOICES) + len(_ACTIONS) + 1, viewport.height - _AROUND))

    @property
    def _action(self) -> Key | None:
        at = self._roll.cursor - len(_CHOICES)
        return _ACTIONS[at] if at >= 0 else None

    def action_move(self, by: int) -> None:
        """The cursor."""
        self._trouble = ""
        self._roll.move(by, len(_CHOICES) + len(_ACTIONS), self._rows)
        self._settle()

    def action_change(self, by: int) -> None:
        """The neighbouring value."""
        match self._roll.cursor:
            case 0:
                at = self._themes.index(self.settings.theme) + by
                self._put(replace(self.settings, theme=self._themes[at % len(self._themes)]))
            case 1:
                at = GLYPHS.index(self.settings.glyphs) + by
                self._put(replace(self.settings, glyphs=GLYPHS[at % len(GLYPHS)]))
            case 2:
                self._put(replace(self.settings, refresh=max(1, min(self.settings.refresh + by, 10))))
            case _:
                pass

    def action_listen(self) -> None:
        """The next key is the new one."""
        self.listening = self._action is not None
        if not self.listening:
            self.action_change(1)
        self._settle()

    def action_reset(self) -> None:
        """The key that is shipped."""
        if (key := self._action) is not None:
            self._set_keys({name: keys for name, keys in self.settings.keys.items() if name != key.action})

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002 - Textual's signature
        """While it listens every key is its own."""
        return self.listening

    def on_key(self, event: events.Key) -> None:
        """The new key."""
        if not self.listening or (key := self._action) is None:
            return
        event.stop()
        event.prevent_default()
        self.listening = False
        if event.key != "escape":
            self._set_keys({**self.settings.keys, key.action: event.key})
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Choose a line; a click on the chosen one changes it."""
        at = self._roll.first + event.y
        if at == self._roll.cursor:
            self.action_listen()
        elif at < len(_CHOICES) + len(_ACTIONS):
            self.action_move(at - self._roll.cursor)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The settings in sight, and what is wrong."""
        ink = self.ink
        self._roll.settle(len(_CHOICES) + len(_ACTIONS), self._rows)
        shown = range(self._roll.first, min(self._roll.first + self._rows, len(_CHOICES) + len(_ACTIONS)))
        lines = [self._line(at, width, ink) for at in shown]
        return [*lines, *([[]] * (height - 1 - len(lines))), [(fitted(self._trouble, width), ink.bad)]]

    def _line(self, at: int, width: int, ink: Ink) -> Line:
        here = at == self._roll.cursor
        head = ink.strong if here else ink.dim
        mark = ("▸ " if here else "  ", ink.accent)
        if at < len(_CHOICES):
            value = str(getattr(self.settings, _CHOICES[at]))
            said = f"{value} looks a second" if _CHOICES[at] == "refresh" else value
            return [
                mark,
                (f"{_CHOICES[at]:<{_LABEL}}", head),
                (f"← {said} →" if here else f"  {said}", ink.text),
            ]
        key = with_keys(self.settings.keys)[_ACTIONS[at - len(_CHOICES)].action]
        shown = "…" if here and self.listening else key.shown
        says = fitted(key.says, width - _LABEL - 2)
        return [mark, (f"{shown:<{_LABEL}}", ink.accent), (says, ink.text if here else ink.dim)]

    @property
    def _rows(self) -> int:
        return max(1, self.size.height - 1)

    def _set_keys(self, keys: dict[str, str]) -> None:
        try:
            with_keys(keys)
        except ValueError as error:
            self._trouble = f"✖ {error}"
            self._settle()
            return
        self._put(replace(self.settings, keys=keys))

    def _put(self, settings: Settings) -> None:
        self.settings, self._trouble = settings, ""
        self._changed(settings)
        self._settle()

    def _settle(self) -> None:
        if self.listening:
            self._tell(*_HINTS_PRESS, said="press the new key")
        else:
            self._tell(*(_HINTS if self._action is None else _HINTS_KEY))
        self.redraw()


class SettingsScreen(Dialog[Settings]):
    """Answers the settings to keep, or None: then those of before hold again."""

    heading = "Settings"
    hints = _HINTS
    wide = True
    AUTO_FOCUS = "SettingsList"
    BINDINGS: ClassVar = [Binding("s", "save", show=False)]

    def __init__(
        self, settings: Settings, themes: Sequence[str], changed: Callable[[Settings], None]
    ) -> None:
        super().__init__()
        self._list = SettingsList(settings, themes, changed, self.rehint)

    def body(self) -> Iterable[Widget]:
        """The list."""
        yield self._list

    def action_save(self) -> None:
        """Keep them."""
        self.dismiss(self._list.settings)
