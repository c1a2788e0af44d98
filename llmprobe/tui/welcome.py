"""Three lines that teach, the first time a person sees the screen and never again."""

from contextlib import suppress
from pathlib import Path

import platformdirs

LINES = (
    "+ and - double and halve the users: watch TTFT and the capacity curve answer",
    "r shows the verdict so far, s saves what your hand did as a scenario that does it again",
    "? explains every key and term of the pane you are in, Ctrl+P finds any action, q leaves",
)
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
