"""The house keeps its floors: import contracts, and what a command may load."""

import subprocess
import sys

import pytest

_SCREEN = ("textual", "plotext")
_WIRE = ("httpx", "tiktoken", "textual", "asyncio")


def test_the_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _loaded_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_help_loads_no_client_no_tokenizer_and_no_screen():
    loaded = _loaded_by(
        "from llmprobe.cli.main import dispatch\nimport io, contextlib\n"
        "with contextlib.redirect_stdout(io.StringIO()): dispatch(['--help'])"
    )
    assert loaded.isdisjoint(_WIRE)


@pytest.mark.parametrize("module", ["llmprobe.cli.run", "llmprobe.workers.process", "llmprobe.sim.server"])
def test_what_runs_without_a_screen_loads_none(module):
    assert _loaded_by(f"import {module}").isdisjoint(_SCREEN)


def test_the_table_of_strategies_loads_no_numpy_until_one_is_made():
    assert "numpy" not in _loaded_by("from llmprobe.control import STRATEGIES")


def test_a_first_frame_waits_for_no_client_no_plot_and_no_report():
    later = {"httpx", "plotext", "tiktoken", "numpy", "llmprobe.session.recorder", "llmprobe.report.make"}
    assert _loaded_by("import llmprobe.tui.app").isdisjoint(later)
