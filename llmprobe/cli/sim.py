"""Serve the simulated endpoint on loopback until Ctrl+C."""

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from llmprobe.cli import exit_codes
from llmprobe.core.errors import UsageError
from llmprobe.core.target import DEFAULT_PRESET, SimTarget
from llmprobe.core.units import parse_duration, parse_share, parse_size
from llmprobe.sim.faults import Kind, Shares
from llmprobe.sim.fixed import Fixed
from llmprobe.sim.limit_headers import STYLES
from llmprobe.sim.presets import PRESETS, WORKLOAD, preset

T = TypeVar("T")

_FAULTS = {
    Kind.RATE_LIMITED: "are refused with a 429 that says when to come back",
    Kind.SERVER_ERROR: "fail with a 500",
    Kind.UNAVAILABLE: "fail with a 503",
    Kind.STALL: "go silent in the middle and stay open",
    Kind.TRUNCATE: "are cut in the middle",
    Kind.MALFORMED: "hold a chunk that is no JSON",
    Kind.STREAM_ERROR: "end with an error object in the stream",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "preset", nargs="?", default=DEFAULT_PRESET, metavar="PRESET", help=", ".join(PRESETS)
    )
    parser.add_argument("--list", action="store_true", help="print the presets and their true capacity")
    parser.add_argument("--port", type=int, default=8099, metavar="N", help="8099; 0 is any free one")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="chooses lengths, texts and faults")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="run X times faster than real")
    parser.add_argument("--api-key-env", metavar="NAME", help="ask for the key in this environment variable")
    parser.add_argument(
        "--limit-headers", choices=STYLES, default="openai", help="how rate limits are told (openai)"
    )
    faults = parser.add_argument_group("faults", "shares of the answers, as 5% or 0.05")
    for kind, what in _FAULTS.items():
        faults.add_argument(_option(kind), dest=kind, metavar="SHARE", help=f"which {what}")
    fixed = parser.add_argument_group("the fixed preset")
    fixed.add_argument("--ttft", metavar="200ms", help="time to the first token")
    fixed.add_argument("--itl", metavar="20ms", help="time between tokens")
    fixed.add_argument("--tokens", metavar="N", help="tokens of an answer (100)")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted, or print the list."""
    if args.list:
        print(_listed())
        return exit_codes.PASSED
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port} is not a port; it lies between 0 and 65535")
    if not 0.01 <= args.speed <= 1000:
        raise UsageError(f"--speed {args.speed:g} must lie between 0.01 and 1000")
    chosen = preset(args.preset)
    machine = _fixed(args, chosen.machine) if isinstance(chosen.machine, Fixed) else chosen.machine
    if not isinstance(machine, Fixed) and (args.ttft or args.itl or args.tokens):
        raise UsageError("--ttft, --itl and --tokens need the preset fixed: llmprobe sim fixed --ttft 1s")
    faults, key = _faults(args, chosen.faults), _key(args.api_key_env)

    import asyncio

    from llmprobe.sim.endpoint import service_of
    from llmprobe.sim.server import serve

    target = SimTarget(args.preset, args.seed, args.speed, args.limit_headers)
    service = replace(service_of(target), machine=machine, faults=faults, api_key=key)
    key_option = f" --api-key-env {args.api_key_env}" if key else ""

    def say(url: str) -> None:
        print(f"{args.preset} at {url}   {chosen.says}")
        print(f"\n    llmprobe {url} --model {service.model}{key_option}\n\nCtrl+C ends it.", flush=True)

    asyncio.run(serve(service, args.port, say))
    return exit_codes.PASSED


def _listed() -> str:
    rows = [("preset", "capacity", "breaks by", "what it is")]
    for name, one in PRESETS.items():
        capacity = "any" if one.capacity is None else str(one.capacity)
        rows.append((name, capacity, one.cause, one.says))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    template = "  ".join(f"{{:<{width}}}" for width in widths) + "  {}"
    lines = [template.format(*row) for row in rows]
    return "\n".join([*lines, "", f"Capacity: users, with {WORKLOAD}."])


def _option(kind: Kind) -> str:
    return "--" + kind.replace("_", "-")


def _read(parse: Callable[[str], T], option: str, text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _faults(args: argparse.Namespace, usual: Shares) -> Shares:
    """The preset's own faults with those of the command line in their place."""
    given = {
        kind: _read(parse_share, _option(kind), text)
        for kind in Kind
        if (text := getattr(args, kind)) is not None
    }
    shares = replace(usual, **given)
    if shares.total > 1:
        raise UsageError(f"the faults add up to {shares.total:.0%} of the answers; at most 100% can fail")
    return shares


def _fixed(args: argparse.Namespace, usual: Fixed) -> Fixed:
    given: dict[str, float] = {}
    if args.ttft:
        given["ttft_s"] = _read(parse_duration, "--ttft", args.ttft)
    if args.itl:
        given["itl_s"] = _read(parse_duration, "--itl", args.itl)
    if args.tokens:
        given["tokens"] = _read(parse_size, "--tokens", args.tokens)
    if given.get("tokens", 1) < 1:
        raise UsageError("--tokens must be at least 1")
    return replace(usual, **given)


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(f"${name} is not set; it should hold the key that requests must bring")
    return key
