"""What can be opened again from here: the run folders of this place, newest first, and its scenarios."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Scenario
from llmprobe.report.files import SCENARIO
from llmprobe.session.folder import RUNS

_MOST_RUNS = 50
_HEAD_BYTES = 65_536


class Recent(Struct, frozen=True):
    """One that is there; whether it is sound is seen when it is opened."""

    path: Path
    run: bool
    """Whether it is a run folder, not a scenario file."""


def find_recent(place: Path = Path()) -> list[Recent]:
    """Runs, then scenarios; what can't be read is left out."""
    try:
        runs = sorted((place / RUNS).glob(f"*/{SCENARIO}"), reverse=True)[:_MOST_RUNS]
        files = sorted(file for file in place.glob("*.toml") if _may_be_scenario(file))
    except OSError:
        return []
    return [Recent(file.parent, True) for file in runs] + [Recent(file, False) for file in files]


def _may_be_scenario(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return b"[endpoint]" in opened.read(_HEAD_BYTES)
    except OSError:
        return False


def open_again(path: Path) -> Scenario:
    """The scenario of a file or of a run folder; a corpus beside it is found from anywhere.

    Raises `UsageError` or `ScenarioError`, which says file, line and key.
    """
    from llmprobe.scenario.reader import (
        load_scenario,  # with all dialects; a first frame does not wait for it
    )

    if path.is_dir():
        if not (path / SCENARIO).is_file():
            raise UsageError(f"{path} is not a run folder; it has no {SCENARIO}")
        path /= SCENARIO
    elif not path.exists():
        raise UsageError(f"{path} does not exist; name a scenario file or a run folder")
    scenario = load_scenario(path)
    corpus = path.parent / scenario.prompts.corpus
    if not corpus.is_file():
        return scenario
    return replace(scenario, prompts=replace(scenario.prompts, corpus=str(corpus.resolve())))
