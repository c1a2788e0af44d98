"""`llmprobe report RUN`: a run folder is rendered again."""

import argparse
import json

import pytest

from llmprobe.cli import report
from llmprobe.core.errors import LocalError, UsageError
from llmprobe.report.files import RECORDS, SCENARIO
from llmprobe.scenario.writer import dump_scenario


@pytest.fixture
def command():
    """Run it as the command line does; its exit code."""
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return lambda *arguments: report.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def run_folder(evening, scenario, folder):
    path = folder(evening)
    (path / SCENARIO).write_text(dump_scenario(scenario))
    return path


def test_it_prints_the_result_and_ends_with_its_verdict(command, run_folder, capsys):
    assert command(run_folder) == 0
    text = capsys.readouterr().out
    assert text.startswith("PASSED  evening-probe")
    assert text.endswith(f"The run is in {run_folder}\n")


def test_after_kill_9_it_renders_what_is_there_and_says_that_it_is_not_all(command, run_folder, capsys):
    events, records = run_folder / "events.jsonl", run_folder / RECORDS
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:-2]))
    records.write_bytes(records.read_bytes()[:-10])
    assert command(run_folder) == 0
    text = capsys.readouterr().out
    assert text.startswith("STOPPED  evening-probe")
    assert "it was killed" in text
    assert "(incomplete)" in text
    assert "1 torn line" in text


def test_json_may_take_stdout_or_a_file(command, run_folder, tmp_path, capsys):
    assert command(run_folder, "--json", "-") == 0
    printed = json.loads(capsys.readouterr().out)
    assert command(run_folder, "--json", tmp_path / "again.json", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "again.json").read_text()) == printed
    assert printed["complete"] is True


def test_a_folder_without_a_run_or_without_its_scenario_is_refused(command, run_folder, tmp_path):
    with pytest.raises(UsageError, match="is not a run folder"):
        command(tmp_path / "nowhere")
    (run_folder / SCENARIO).unlink()
    with pytest.raises(UsageError, match=r"has no scenario\.toml"):
        command(run_folder)


def test_a_place_that_cannot_be_written_is_said(command, run_folder):
    with pytest.raises(LocalError, match="can't write"):
        command(run_folder, "--json", run_folder / "no" / "such" / "folder.json")
