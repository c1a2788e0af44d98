"""Find the breaking point without a screen: how many users the target holds, and how sure that is.

The exit code is 0 when there is an answer (with --at-least N: of N or more), 1 below N, 5 when there is no
honest one.
"""

import argparse
import sys

from msgspec.structs import replace

from llmprobe.cli import exit_codes
from llmprobe.cli.headless import conduct
from llmprobe.cli.options import (
    add_endpoint_options,
    add_load_options,
    add_run_options,
    overridden,
)
from llmprobe.cli.output import add_output_options
from llmprobe.cli.target import TARGET_HELP, scenario_of
from llmprobe.core.errors import UsageError
from llmprobe.core.load import LoadKind
from llmprobe.core.scenario import Autopilot
from llmprobe.core.units import parse_size
from llmprobe.report.result import Result
from llmprobe.session.opening import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", nargs="?", default="sim", help=f"{TARGET_HELP}, or a scenario file")
    group = parser.add_argument_group("search")
    group.add_argument("--strategy", help="how to search (knee)")
    group.add_argument("--at-least", type=parse_size, metavar="N", help="a gate: fail below N")
    group.add_argument("--open", action="store_true", help="search over requests a second instead of users")
    add_endpoint_options(parser)
    add_load_options(parser)
    add_run_options(parser)
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Search, print what was found; see the module for the exit code."""
    if args.users is not None or args.rate is not None:
        raise UsageError("a search chooses the load itself; --max-users bounds it")
    scenario, base = scenario_of(args.target, args.api_key_env)
    scenario = overridden(scenario, args)
    pilot = scenario.autopilot or Autopilot()
    kind: LoadKind = "rate" if args.open else scenario.load.kind
    scenario = replace(
        scenario,
        autopilot=replace(pilot, strategy=args.strategy or pilot.strategy),
        load=replace(scenario.load, kind=kind, stages=(), warmup_s=0.0),
    )
    options = Options(
        base=base, out=args.out, workers=args.workers, guard=True, save_text=args.save_text, gaps=args.gaps
    )

    def gate(result: Result) -> int:
        code, found = result.verdict.exit_code, result.capacity
        if code != exit_codes.PASSED or found is None or args.at_least is None:
            return code
        reached = (found.users if found.rate is None else found.rate) or 0
        if reached >= args.at_least:
            return exit_codes.PASSED
        print(f"llmprobe: {reached:g} is below the {args.at_least} of --at-least", file=sys.stderr)
        return exit_codes.FAILED

    return conduct(scenario, options, args, gate)
