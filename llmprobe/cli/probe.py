"""Open the screen on a target: nothing (the simulated endpoint, already running), an URL or a scenario."""

import argparse
import gc
import os
import sys
from pathlib import Path

from msgspec.structs import replace

from llmprobe.cli.options import (
    add_endpoint_options,
    add_load_options,
    add_run_options,
    overridden,
)
from llmprobe.cli.target import TARGET_HELP, scenario_of
from llmprobe.core.load import FIRST_USERS
from llmprobe.core.offer import Offers
from llmprobe.core.scenario import Scenario
from llmprobe.core.target import is_sim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", nargs="?", default="sim", help=f"{TARGET_HELP}, or a scenario file")
    add_endpoint_options(parser)
    add_load_options(parser)
    add_run_options(parser)
    parser.set_defaults(json=None, quiet=False)


def run(args: argparse.Namespace) -> int:
    """Show the screen until it is left."""
    scenario, base = scenario_of(args.target, args.api_key_env)
    timed = bool(scenario.load.stages)
    if args.plain or not _has_terminal():
        if not timed and args.rate is None:
            args.users = FIRST_USERS if args.users is None else args.users
        return _tell(overridden(scenario, args), args, base=base)
    return _show(overridden(scenario, args), args, base=base, timed=timed)


def _has_terminal() -> bool:
    """Whether a screen can be drawn: on a terminal, or for a browser."""
    if _in_browser():
        return True
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _in_browser() -> bool:
    return "TEXTUAL_DRIVER" in os.environ


def _tell(scenario: Scenario, args: argparse.Namespace, *, base: Path) -> int:
    """Without a screen, as `llmprobe run` does."""
    from llmprobe.cli.headless import conduct
    from llmprobe.session.opening import Options

    options = Options(
        base=base, out=args.out, workers=args.workers, timed=True, guard=True, save_text=args.save_text,
        gaps=args.gaps,
    )  # fmt: skip
    return conduct(scenario, options, args)


def _show(scenario: Scenario, args: argparse.Namespace, *, base: Path, timed: bool) -> int:
    # Loading is most of what a first frame costs, and brings no garbage: now or at any later collection.
    gc.disable()
    from llmprobe.tui.app import ProbeApp
    from llmprobe.tui.feed import ProbeSession

    gc.freeze()
    gc.enable()

    folders: list[Path] = []

    async def opener(wanted: Scenario) -> ProbeSession:
        # What opens a session is loaded once the first frame is seen.
        from llmprobe.session.opening import Options, open_session

        options = Options(
            base=base, out=args.out, workers=args.workers, save_text=args.save_text, gaps=args.gaps
        )
        same = wanted.load.stages == scenario.load.stages
        follow = timed if same else bool(wanted.load.stages)
        session = await open_session(wanted, replace(options, timed=follow))
        folders.append(session.recorder.folder)
        return session

    def find_offers() -> Offers:
        from llmprobe.session.offers import find_offers

        return find_offers()

    free = is_sim(scenario.endpoint.url)
    app = ProbeApp(opener, scenario, autostart=free and not timed, find_offers=find_offers)
    code = app.run() or 0
    for folder in folders:
        if folder.exists():
            # What goes to stdout there is drawn.
            out = sys.stderr if _in_browser() else sys.stdout
            print(f"The run is in {folder}; llmprobe report {folder} tells how it went", file=out)
    return code
