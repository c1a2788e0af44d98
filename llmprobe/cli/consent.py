"""Asks before requests leave this machine."""

import sys

from llmprobe.core.errors import UsageError


def agree(statement: str | None, *, yes: bool) -> None:
    """Return if there is nothing to ask, or the answer is yes; raise `UsageError` otherwise."""
    if statement is None or yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{statement} Nobody is here to ask; say --yes to agree")
    print(statement, file=sys.stderr)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was sent")
