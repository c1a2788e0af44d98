"""What lies here and can be opened again."""

from pathlib import Path

import pytest

from llmprobe.core.errors import ScenarioError, UsageError
from llmprobe.core.scenario import Endpoint, Prompts, Scenario
from llmprobe.scenario.writer import dump_scenario
from llmprobe.session.recent import Recent, find_recent, open_again

SCENARIO = Scenario(endpoint=Endpoint(url="sim"), name="evening")


def run_folder(place: Path, name: str, scenario: Scenario = SCENARIO) -> Path:
    folder = place / "llmprobe-runs" / name
    folder.mkdir(parents=True)
    (folder / "scenario.toml").write_text(dump_scenario(scenario))
    return folder


def test_runs_come_newest_first_then_the_scenarios_of_this_folder(tmp_path: Path) -> None:
    old, new = run_folder(tmp_path, "2026-01-01-a"), run_folder(tmp_path, "2026-02-01-b")
    (tmp_path / "mine.toml").write_text(dump_scenario(SCENARIO))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "llmprobe-runs" / "torn").mkdir()
    assert find_recent(tmp_path) == [
        Recent(new, True, "run"), Recent(old, True, "run"), Recent(tmp_path / "mine.toml", False),
    ]  # fmt: skip
    assert find_recent(tmp_path / "nowhere") == []


def test_a_run_folder_opens_as_the_scenario_that_does_it_again(tmp_path: Path) -> None:
    assert open_again(run_folder(tmp_path, "a")) == SCENARIO


def test_a_corpus_beside_a_scenario_is_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text("")
    file = tmp_path / "mine.toml"
    file.write_text(
        dump_scenario(Scenario(endpoint=Endpoint(url="sim"), prompts=Prompts(corpus="own.jsonl")))
    )
    assert open_again(file).prompts.corpus == str(tmp_path / "own.jsonl")


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        open_again(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="is not a run folder"):
        open_again(tmp_path)
    (tmp_path / "bad.toml").write_text('format = 1\n[endpoint]\nurl = "sim"\nmodle = "x"\n')
    with pytest.raises(ScenarioError, match=r"bad\.toml:4: endpoint\.modle"):
        open_again(tmp_path / "bad.toml")
