"""Render a run folder again: of a finished run, or of one that was killed."""

import argparse
from pathlib import Path

from llmprobe.cli.output import add_output_options, deliver
from llmprobe.core.errors import UsageError
from llmprobe.report.files import SCENARIO, read_run
from llmprobe.report.make import make_result
from llmprobe.scenario.reader import load_scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the run's result; the exit code is its verdict's."""
    files = read_run(args.run)
    scenario_file = args.run / SCENARIO
    if not scenario_file.is_file():
        raise UsageError(f"{args.run} has no {SCENARIO}; without it nobody knows what was asked of the run")
    result = make_result(files, load_scenario(scenario_file))
    deliver(result, args.run, args)
    return result.verdict.exit_code
