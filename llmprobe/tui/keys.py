"""Every key of the probe screen: one table for the bindings, the footer, the palette and the help."""

from dataclasses import dataclass

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
        return Binding(self.keys, self.call, self.label, show=False)


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
    Key("halve", "minus,left_square_bracket,pagedown", "-", "÷2", "Half the users"),
    Key(
        "double",
        "plus,right_square_bracket,pageup,equals_sign",
        "+",
        "\N{MULTIPLICATION SIGN}2",
        "Twice the users",
    ),
    Key("less", "left,h", "←", "-1", "One user less"),
    Key("more", "right,l", "→", "+1", "One user more"),
    Key("least", "home", "Home", "1 user", "Down to one user"),
    Key("most", "end", "End", "Max", "Up to the end of the slider; asks first"),
    Key("save", "s", "s", "Save", "Save the session as a scenario that replays it", of_app=True),
    Key(
        "endpoint",
        "e",
        "e",
        "Endpoint",
        "Another endpoint: typed, picked, or a curl command pasted; its model, key's name, output limit",
        of_app=True,
    ),
    Key("test", "t", "t", "Test", "Send one request outside the run and show what comes back", of_app=True),
    Key(
        "results",
        "r",
        "r",
        "Results",
        "The verdict so far: objectives, levels, what it rests on",
        of_app=True,
    ),
    Key("copy_verdict", "y", "y", "Copy verdict", "Copy the verdict as Markdown", of_app=True),
    Key("log", "v", "v", "Log", "Streams: live, or the log of finished completions"),
    Key("filter", "slash", "/", "Filter", "Filter the log by outcome or text"),
    Key("follow", "enter", "⏎", "Follow", "Follow a stream, or open a finished one in full"),
    Key("zoom", "z", "z", "Zoom", "Give the pane in focus all the room, or take it back"),
    Key("mark", "m", "m", "Mark", "Write a note beside the figures of this moment", of_app=True),
    Key("help", "question_mark,f1", "?", "Help", "Keys and terms", of_app=True),
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
