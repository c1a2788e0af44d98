"""Where a result goes: text to stdout, and the formats that were asked for."""

import argparse
import sys
from pathlib import Path

from llmprobe.core.errors import LocalError
from llmprobe.report.formats import FORMATS
from llmprobe.report.result import Result


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """What is written besides the run folder."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", metavar="FILE", help="the result as JSON; - is stdout, in place of text")
    group.add_argument("--quiet", action="store_true", help="no progress, no text; only what was asked for")


def deliver(result: Result, folder: Path, args: argparse.Namespace) -> None:
    """Print the result for a person unless JSON took stdout, and write the file that was asked for."""
    if args.json is not None:
        _write(FORMATS["json"](result), args.json)
    if args.json != "-" and not args.quiet:
        sys.stdout.write(FORMATS["text"](result))
        sys.stdout.write(f"The run is in {folder}\n")
    if args.quiet:
        for reason in result.verdict.reasons:
            print(f"llmprobe: {reason}", file=sys.stderr)


def _write(text: str, place: str) -> None:
    if place == "-":
        sys.stdout.write(text)
        return
    try:
        Path(place).write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError(f"can't write {place}: {error.strerror}") from error
