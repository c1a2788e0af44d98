"""Replay a scenario without a screen: progress on stderr, the result on stdout."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from llmprobe.cli import exit_codes
from llmprobe.cli.consent import agree
from llmprobe.cli.options import (
    add_endpoint_options,
    add_load_options,
    add_run_options,
    endpoint_of,
    overridden,
)
from llmprobe.cli.output import add_output_options, deliver
from llmprobe.cli.progress import Progress
from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Scenario
from llmprobe.scenario.reader import load_scenario
from llmprobe.session.opening import Options, open_session
from llmprobe.session.session import DRAIN_S, Session
from llmprobe.session.stop import Ending, Reason

_PROGRESS_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", type=Path, help="the scenario file")
    parser.add_argument("target", nargs="?", help="run it on this target instead of its own")
    add_endpoint_options(parser)
    add_load_options(parser)
    add_run_options(parser)
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the scenario to its end; the exit code is the verdict's, or 128 + the signal that ended it."""
    scenario = load_scenario(args.scenario)
    if args.target:
        other = endpoint_of(args.target)
        scenario = replace(scenario, endpoint=replace(scenario.endpoint, url=other.url, api_key_env=None))
    scenario = overridden(scenario, args)
    if not scenario.load.stages:
        raise UsageError(f"{args.scenario} has no stages to run; add some to [load], or say --users")
    return asyncio.run(_run(scenario, args))


async def _run(scenario: Scenario, args: argparse.Namespace) -> int:
    options = Options(
        base=args.scenario.parent, out=args.out, workers=args.workers, timed=True, guard=True,
        save_text=args.save_text, gaps=args.gaps,
    )  # fmt: skip
    session = await open_session(scenario, options)
    caught: list[int] = []
    try:
        agree(session.consent(), yes=args.yes)
    except BaseException:
        await session.close()
        raise
    with _signals(session, caught):
        try:
            if (note := session.view().note) is not None and not args.quiet:
                print(f"llmprobe: {note}", file=sys.stderr)
            await session.start()
            await _watch(session, Progress(quiet=args.quiet))
        finally:
            ending = Ending(Reason.INTERRUPTED, "interrupted by a signal") if caught else None
            result = await session.close(ending, drain_s=0.0 if caught else DRAIN_S)
        if result is not None:
            deliver(result, session.recorder.folder, args)
    if caught or result is None:
        return exit_codes.SIGNAL + (caught[0] if caught else signal.SIGINT)
    return result.verdict.exit_code


async def _watch(session: Session, progress: Progress) -> None:
    """Show how it goes until it has ended."""
    total_s = session.scenario.load.duration_s
    while not session.finished.is_set():
        progress.show(session.view(), total_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.finished.wait(), _PROGRESS_S)
    progress.close()


@contextlib.contextmanager
def _signals(session: Session, caught: list[int]) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP end the run instead of the process; a second one does no more.

    An impatient second Ctrl+C must not cost the result: what is in flight was cancelled by the first.
    """
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        caught.append(number)
        session.finished.set()

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in handled:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
