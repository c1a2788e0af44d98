"""Where the files that come with llmprobe lie: themes and sample corpora.

A wheel has them inside the package; an editable install finds them beside it.
"""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(name: Literal["themes", "sample_corpora"]) -> Path:
    """The folder of that name, inside the package if it is there, else beside it."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
