"""Three lines that teach, the first time a person sees the screen and never again."""

from contextlib import suppress
from pathlib import Path

import platformdirs

LINES = (
    "- + halve and double the users; watch the curve answer",
    "r the verdict so far · s save it all as a scenario",
    "? explains this pane · Ctrl+P any action · q quit",
)
"""Each fits the narrowest screen."""
STAYS_S = 25.0


def first_time() -> bool:
    """Whether nobody was welcomed yet; from now on somebody was."""
    seen = _file()
    if seen.exists():
        return False
    with suppress(OSError):
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()
    return True


def _file() -> Path:
    return platformdirs.user_state_path("llmprobe") / "welcomed"
