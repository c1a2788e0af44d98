"""Show the screen in a browser on this machine. Each tab is a session of its own; closing it ends that.

It listens on 127.0.0.1 only, under an address with a secret in it, and answers only its own page. Ctrl+C ends
it and every session it started. Takes the options of llmprobe [TARGET].
"""

import argparse
import asyncio
import sys
from importlib.util import find_spec

from llmprobe.cli import exit_codes, probe
from llmprobe.cli.options import overridden
from llmprobe.cli.target import scenario_of
from llmprobe.core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    probe.add_arguments(parser)
    _add_port(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if find_spec("textual_serve") is None:
        raise UsageError("the screen in a browser needs another package: pip install 'llmprobe[web]'")
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port} is not a port; it lies between 0 and 65535")
    if args.plain:
        raise UsageError("--plain is a run without a screen; a browser shows the screen")
    # What is wrong with the target is said here, not in every tab.
    overridden(scenario_of(args.target, args.api_key_env)[0], args)

    from llmprobe.tui.browser.server import serve

    return exit_codes.SIGNAL + asyncio.run(serve(_command(args.typed), args.port, _say))


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, metavar="N", help="any free one when left out")


def _command(typed: list[str]) -> list[str]:
    """What starts the app of a tab: everything that was typed, but for the port."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_port(own)
    _, others = own.parse_known_args(typed)
    return [sys.executable, "-m", "llmprobe", "probe", *others]


def _say(address: str) -> None:
    print(f"The screen is at {address}\n\nCtrl+C ends it and every session it started.", flush=True)
