"""Say what this machine can measure, and whether a target answers: stamps, CPU, limits, one test request.

It measures against the simulated endpoint, or against the target where that is on this machine and says in
each chunk when it wrote it (created_ns).
"""

import argparse
import asyncio
import functools
import sys

import msgspec

from llmprobe.cli import exit_codes
from llmprobe.cli.consent import agree
from llmprobe.cli.doctor_text import render
from llmprobe.cli.options import add_endpoint_options, endpoint_with
from llmprobe.cli.target import TARGET_HELP, endpoint_of
from llmprobe.core.errors import UsageError
from llmprobe.core.units import parse_size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", nargs="?", help=f"{TARGET_HELP}; nothing looks at this machine alone")
    parser.add_argument("--json", action="store_true", help="JSON in place of text")
    parser.add_argument(
        "-u",
        "--users",
        default="1000",
        metavar="N",
        help="that start at once, to see their first tokens (1000)",
    )
    parser.add_argument("--quiet", action="store_true", help="don't say what it is doing")
    parser.add_argument("--yes", action="store_true", help="don't ask before a request leaves this machine")
    add_endpoint_options(parser)


def run(args: argparse.Namespace) -> int:
    """Examine, print, and say by the exit code whether the target answers."""
    try:
        users = parse_size(args.users)
    except ValueError as error:
        raise UsageError(f"--users: {error}") from None
    if users < 1:
        raise UsageError("--users must be at least 1")
    endpoint = endpoint_with(endpoint_of(args.target, args.api_key_env), args) if args.target else None

    from llmprobe.session.doctor import examine

    def say(what: str) -> None:
        if not args.quiet:
            print(f"… {what}", file=sys.stderr, flush=True)

    found = asyncio.run(examine(endpoint, users=users, say=say, agree=functools.partial(agree, yes=args.yes)))
    print(msgspec.json.format(msgspec.json.encode(found)).decode() if args.json else render(found), end="\n")
    answers = found.target is None or found.target.answers
    return exit_codes.PASSED if answers else exit_codes.ENDPOINT
