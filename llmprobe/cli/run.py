"""Replay a scenario without a screen: progress on stderr, the result on stdout."""

import argparse
from pathlib import Path

from msgspec.structs import replace

from llmprobe.cli.headless import conduct
from llmprobe.cli.options import (
    add_endpoint_options,
    add_load_options,
    add_run_options,
    overridden,
)
from llmprobe.cli.output import add_output_options
from llmprobe.cli.scenario_file import HELP, scenario_in
from llmprobe.cli.target import TARGET_HELP, aimed, endpoint_of
from llmprobe.core.errors import UsageError
from llmprobe.session.opening import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", type=Path, help=HELP)
    parser.add_argument("target", nargs="?", help=f"run it on this instead of its own: {TARGET_HELP}")
    add_endpoint_options(parser)
    add_load_options(parser)
    add_run_options(parser)
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the scenario to its end; the exit code is the verdict's, or 128 + the signal that ended it."""
    scenario = scenario_in(args.scenario)
    if args.target:
        other = endpoint_of(args.target, args.api_key_env)
        scenario = replace(scenario, endpoint=aimed(scenario.endpoint, other))
    scenario = overridden(scenario, args)
    searches = scenario.autopilot is not None and not scenario.load.stages
    if not scenario.load.stages and not searches:
        raise UsageError(f"{args.scenario} has no stages to run; add some to [load], or say --users")
    if not searches:
        scenario = replace(scenario, autopilot=None)
    options = Options(
        base=args.scenario.parent, out=args.out, workers=args.workers, timed=not searches, guard=True,
        save_text=args.save_text, gaps=args.gaps,
    )  # fmt: skip
    return conduct(scenario, options, args)
