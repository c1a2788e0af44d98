"""Render a run folder again: of a finished run, or of one that was killed."""

import argparse
from pathlib import Path

from llmprobe.cli.output import add_output_options, deliver
from llmprobe.session.recent import judge_again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the run's result; the exit code is its verdict's."""
    result = judge_again(args.run)
    deliver(result, args.run, args)
    return result.verdict.exit_code
