"""Every key of the probe screen: one table for the bindings, the footer, the palette and the help."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One action and what leads to it."""

    action: str
    keys: str
    """As Textual names them, with commas between."""
    shown: str
    label: str
    """A word for the footer."""
    says: str
    """A line for the palette and the help."""
    of_app: bool = False
    """Whether it acts on the session, not only on what is shown."""

    @property
    def call(self) -> str:
        """The action for Textual, found from any screen."""
        return f"app.act('{self.action}')" if self.of_app else self.action

    @property
    def binding(self) -> Binding:
        """For a screen."""
        return Binding(self.keys, self.call, self.label, show=False, id=self.action)


KEYS = (
    Key(
        "start_stop",
        "space",
        "space",
        "Start",
        "Start or stop the load; again while it drains: stop now",
        of_app=True,
    ),
    Key(
        "autopilot",
        "a",
        "a",
        "Autopilot",
        "Let the autopilot find the breaking point; again: take the load back",
        of_app=True,
    ),
    Key("halve", "minus,left_square_bracket,pagedown", "-", "÷2", "Halve the load"),
    Key(
        "double",
        "plus,right_square_bracket,pageup,equals_sign",
        "+",
        "\N{MULTIPLICATION SIGN}2",
        "Double the load",
    ),
    Key("less", "left,h", "←", "-1", "Take one user away, or 0.1 req/s"),
    Key("more", "right,l", "→", "+1", "Add one user, or 0.1 req/s"),
    Key("least", "home", "Home", "Least", "Go down to one user, or to the lowest rate"),
    Key("most", "end", "End", "Max", "Go up to the end of the slider; asks first"),
    Key(
        "turn_load",
        "u",
        "u",
        "Users or rate",
        "Turn the load from users (closed) to requests a second (open), and back",
        of_app=True,
    ),
    Key("profile", "p", "p", "Profile", "Shape the load over time: hold, ramp, burst, steps", of_app=True),
    Key("save", "s", "s", "Save", "Save the session as a scenario that replays it", of_app=True),
    Key(
        "endpoint",
        "e",
        "e",
        "Endpoint",
        "Choose another endpoint: typed, picked, or pasted as curl; model, key's name, output limit",
        of_app=True,
    ),
    Key("open", "o", "o", "Open", "Open a scenario, or what a run of before did", of_app=True),
    Key("test", "t", "t", "Test", "Send one request outside the run and show what comes back", of_app=True),
    Key(
        "results",
        "r",
        "r",
        "Results",
        "Show the verdict so far: objectives, levels, what it rests on",
        of_app=True,
    ),
    Key("copy_verdict", "y", "y", "Copy verdict", "Copy the verdict as Markdown", of_app=True),
    Key("log", "v", "v", "Log", "Turn the streams to the log of finished completions, and back"),
    Key("filter", "slash", "/", "Filter", "Filter the log by outcome or text"),
    Key("follow", "enter", "⏎", "Follow", "Follow a stream, or open a finished one in full"),
    Key("copy_text", "c", "c", "Copy", "Copy the text under the cursor in the streams"),
    Key("zoom", "z", "z", "Zoom", "Give the pane in focus all the room, or take it back"),
    Key("mark", "m", "m", "Mark", "Write a note beside the figures of this moment", of_app=True),
    Key("settings", "comma", ",", "Settings", "Set theme, glyphs, refresh and keys", of_app=True),
    Key("help", "question_mark,f1", "?", "Help", "Explain keys and terms", of_app=True),
    Key("quit", "q", "q", "Quit", "Quit; asks while it runs, and q again stops now", of_app=True),
)
PANES = tuple(
    Key(f"pane('{name}')", digit, digit, name.capitalize(), f"Go to the pane {name.capitalize()}")
    for digit, name in (
        ("1", "load"),
        ("2", "figures"),
        ("3", "capacity"),
        ("4", "streams"),
        ("5", "events"),
        ("6", "details"),
    )
)
BY_ACTION = {key.action: key for key in (*KEYS, *PANES)}
_TAKEN = frozenset(
    {"tab", "shift+tab", "escape", "up", "down", "j", "k", "ctrl+c", "ctrl+q", "ctrl+z", "ctrl+p"}
)
"""Keys that mean the same everywhere."""


def with_keys(own: Mapping[str, str]) -> dict[str, Key]:
    """All actions by name, some with a person's own keys; `ValueError` says which is wrong and why."""
    keys = dict(BY_ACTION)
    for action, names in own.items():
        if action not in keys:
            raise ValueError(f"{action}: no such action; there are {', '.join(BY_ACTION)}")
        if not all(name.strip() for name in names.split(",")):
            raise ValueError(f"{action}: {names!r} names no key; write it as z, f5 or ctrl+s")
        keys[action] = replace(keys[action], keys=names, shown=shown_as(names))
    holders: dict[str, str] = {}
    for action, key in keys.items():
        for name in key.keys.split(","):
            other = holders.setdefault(name, action)
            if other != action or name in _TAKEN:
                at_fault = action if action in own else other
                rival = other if at_fault == action else action
                why = "is taken" if name in _TAKEN else f"is that of {keys[rival].label!r}"
                raise ValueError(f"{at_fault}: {name} {why}; choose another")
    return keys


def shown_as(names: str) -> str:
    """The first of some keys in few cells: `z`, `F5`, `Ctrl+S`, `,`."""
    parts = names.split(",", maxsplit=1)[0].split("+")
    parts[-1] = _PLAIN.get(parts[-1], parts[-1])
    return "+".join(part if len(part) == 1 and len(parts) == 1 else part.capitalize() for part in parts)


_PLAIN = {
    "comma": ",", "slash": "/", "plus": "+", "minus": "-", "question_mark": "?", "full_stop": ".",
    "equals_sign": "=", "semicolon": ";", "colon": ":", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "escape": "Esc",
}  # fmt: skip
