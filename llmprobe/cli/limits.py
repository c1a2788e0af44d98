"""Map the rate limits of a target: what its answers tell, else what follows from which requests it refuses.

It sends prompts made up for that, in up to four mixes (small; large prompts; large max_tokens; long answers),
and never more than --max-requests. The exit code is 0 when the limits are known, or none was hit; 5 when
requests are refused and no limit can be named.
"""

import argparse

from msgspec.structs import replace

from llmprobe.cli.headless import conduct
from llmprobe.cli.options import add_cap_options, add_endpoint_options, add_run_options, capped, value
from llmprobe.cli.output import add_output_options
from llmprobe.cli.target import TARGET_HELP, scenario_of
from llmprobe.control.mixes import LARGEST_MAX_TOKENS
from llmprobe.core.limits import KEEP_FREE
from llmprobe.core.scenario import MAPPING, Autopilot
from llmprobe.core.units import parse_share
from llmprobe.session.opening import Options

MAX_REQUESTS = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", nargs="?", default="sim", help=f"{TARGET_HELP}, or a scenario file")
    group = parser.add_argument_group("mapping")
    group.add_argument(
        "--keep-free", type=value(parse_share), default=KEEP_FREE, metavar="SHARE",
        help="of a limit that clients leave to others (30%%)",
    )  # fmt: skip
    add_cap_options(group, usual=f" ({MAX_REQUESTS})")
    add_endpoint_options(parser)
    add_run_options(parser)
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Map, print what was found; see the module for the exit code."""
    scenario, base = scenario_of(args.target, args.api_key_env)
    scenario = capped(scenario, args)
    stop = scenario.stop
    scenario = replace(
        scenario,
        stop=replace(stop, max_requests=stop.max_requests or MAX_REQUESTS),
        slo=(),
        autopilot=Autopilot(MAPPING, args.keep_free),
        prompts=replace(scenario.prompts, max_tokens=LARGEST_MAX_TOKENS),
        load=replace(scenario.load, kind="users", stages=(), warmup_s=0.0),
    )
    options = Options(
        base=base, out=args.out, workers=args.workers, guard=True, save_text=args.save_text, gaps=args.gaps
    )
    return conduct(scenario, options, args)
