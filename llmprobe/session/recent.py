"""What can be opened again from here: the runs of this place with their results, and its scenarios."""

from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Scenario
from llmprobe.core.units import people_seconds
from llmprobe.report.files import RESULT, SCENARIO, read_run
from llmprobe.report.make import make_result
from llmprobe.report.result import Result
from llmprobe.report.to_text import word_of
from llmprobe.session.folder import RUNS

_MOST_RUNS = 50
_HEAD_BYTES = 65_536


class Recent(Struct, frozen=True):
    """One that is there; whether it is sound is seen when it is opened."""

    path: Path
    run: bool
    """Whether it is a run folder, not a scenario file."""
    said: str = "scenario"
    """What it is; of a run how it ended, as far as it wrote that down itself."""


def find_recent(place: Path = Path()) -> list[Recent]:
    """Runs, then scenarios; what can't be read is left out."""
    try:
        runs = sorted((place / RUNS).glob(f"*/{SCENARIO}"), reverse=True)[:_MOST_RUNS]
        files = sorted(file for file in place.glob("*.toml") if _may_be_scenario(file))
    except OSError:
        return []
    return [
        *(Recent(file.parent, True, _told(file.with_name(RESULT))) for file in runs),
        *(Recent(file, False) for file in files),
    ]


def _told(file: Path) -> str:
    try:
        result = msgspec.json.decode(file.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return "run"  # it goes on, or was killed
    safe = result.capacity.users if result.capacity is not None else None
    parts = [word_of(result), f"safe at {safe}" if safe else "", people_seconds(result.duration_s)]
    return " · ".join(filter(None, [*parts, f"{result.totals.requests} requests"]))


def judge_again(folder: Path) -> Result:
    """What a run folder says by itself, also after a kill; raises `UsageError` for one that is none."""
    run = read_run(folder)
    if not (folder / SCENARIO).is_file():
        raise UsageError(f"{folder} has no {SCENARIO}; without it nobody knows what was asked of the run")
    return make_result(run, _load(folder / SCENARIO))


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
    if path.is_dir():
        if not (path / SCENARIO).is_file():
            raise UsageError(f"{path} is not a run folder; it has no {SCENARIO}")
        path /= SCENARIO
    elif not path.exists():
        raise UsageError(f"{path} does not exist; name a scenario file or a run folder")
    scenario = _load(path)
    corpus = path.parent / scenario.prompts.corpus
    if not corpus.is_file():
        return scenario
    return replace(scenario, prompts=replace(scenario.prompts, corpus=str(corpus.resolve())))


def _load(path: Path) -> Scenario:
    # With all dialects, which the list of what lies here does not wait for.
    from llmprobe.scenario.reader import load_scenario

    return load_scenario(path)
