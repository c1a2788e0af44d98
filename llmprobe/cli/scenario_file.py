"""The scenario that a command names: a file, or standard input."""

import sys
from pathlib import Path

from llmprobe.core.scenario import Scenario
from llmprobe.scenario.reader import load_scenario, parse_scenario

HELP = "the scenario file; - reads it from stdin"


def scenario_in(file: Path) -> Scenario:
    """Read it; raises `ScenarioError`. What it names is looked for beside the file, or in this folder."""
    return parse_scenario(sys.stdin.read(), file="stdin") if str(file) == "-" else load_scenario(file)
