"""Options that several commands share, and the scenario they make."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.headers import is_header_name, is_header_value
from llmprobe.core.load import UNTIL_STOPPED_S, Stage, too_much
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.slo import Slo, parse_slos
from llmprobe.core.units import parse_duration, parse_rate, parse_size, parse_usd

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class _DialectNames:
    """What argparse asks for: the codecs take a while to load, and a first frame does not wait for them."""

    def __iter__(self) -> Iterator[str]:
        from llmprobe.wire.dialects import DIALECTS

        return iter(DIALECTS)

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)


def add_endpoint_options(parser: argparse.ArgumentParser) -> None:
    """How to reach the endpoint."""
    group = parser.add_argument_group("endpoint")
    group.add_argument("-m", "--model", help="asked of the endpoint when left out")
    group.add_argument(
        "--dialect", metavar="NAME", choices=_DialectNames(), help="%(choices)s; guessed when left out"
    )
    group.add_argument("--api-key-env", metavar="NAME", help="environment variable that holds the key")
    group.add_argument("-H", "--header", action="append", default=[], metavar="'K: V'", help="sent along")
    group.add_argument("--body", metavar="JSON", help="merged into each request")
    group.add_argument("--cacert", metavar="FILE", help="trust this certificate authority")
    group.add_argument("--http2", action="store_true", help="speak HTTP/2; slower, and stamped less exactly")
    group.add_argument("-k", "--insecure", action="store_true", help="don't check certificates")


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """What is asked, by how many, for how long."""
    group = parser.add_argument_group("load")
    group.add_argument("--corpus", help="a shipped corpus by name, or a file")
    group.add_argument("--max-tokens", type=value(parse_size), metavar="N", help="output limit of a request")
    group.add_argument("--cache", choices=("cold", "warm"), help="whether prompts may hit a prefix cache")
    group.add_argument("-u", "--users", type=value(_users), metavar="N", help="concurrent users")
    group.add_argument("-r", "--rate", type=value(_rate), metavar="20/s", help="open load instead")
    add_cap_options(group)
    group.add_argument("--slo", action="append", default=[], metavar="'p95 ttft < 1s'", help="repeatable")
    group.add_argument("--warmup", type=value(parse_duration), metavar="10s", help="kept out of the verdict")


def add_cap_options(group: argparse._ArgumentGroup, *, usual: str = "") -> None:
    """What a run may take at most, and its seed. `usual` is said of the cap on requests."""
    group.add_argument("--max-users", type=value(_users), metavar="N", help="end of the slider (256)")
    group.add_argument("-d", "--duration", type=value(parse_duration), metavar="60s", help="end after this")
    group.add_argument("-n", "--max-requests", type=value(_some), metavar="N", help=f"cap on requests{usual}")
    group.add_argument("--max-usd", type=value(parse_usd), metavar="$5", help="cap on money")
    group.add_argument("--seed", type=int, metavar="N", help="chooses the prompts")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How the run is carried out on this machine."""
    group = parser.add_argument_group("this machine")
    group.add_argument("--workers", type=value(_some), default=1, metavar="N", help="worker processes")
    group.add_argument("-o", "--out", type=Path, metavar="DIR", help="the run folder")
    group.add_argument("--save-text", action="store_true", help="keep what the model said in records.jsonl")
    group.add_argument("--gaps", action="store_true", help="keep each token's gap in records.jsonl")
    group.add_argument(
        "--plain",
        action="store_true",
        help="no screen: a sentence a stage and every few seconds, then the result",
    )
    group.add_argument("--yes", action="store_true", help="don't ask before requests leave this machine")


def endpoint_with(endpoint: Endpoint, args: argparse.Namespace) -> Endpoint:
    """The endpoint with what `add_endpoint_options` brought put over it."""
    headers = dict(endpoint.headers) | dict(_header(text) for text in args.header)
    body = endpoint.body | (_body(args.body) if args.body else {})
    endpoint = _put(endpoint, model=args.model, dialect=args.dialect, api_key_env=args.api_key_env,
                    cacert=args.cacert, insecure=args.insecure or None, http2=args.http2 or None)  # fmt: skip
    return replace(endpoint, headers=headers, body=body)


def overridden(scenario: Scenario, args: argparse.Namespace) -> Scenario:
    """The scenario with what the command line says put over it."""
    scenario = capped(scenario, args)
    prompts = _put(scenario.prompts, max_tokens=args.max_tokens, cache=args.cache)
    if args.corpus:
        prompts = replace(prompts, corpus=_corpus(args.corpus), sha256=None)
    load = _put(scenario.load, warmup_s=args.warmup)
    wanted = args.rate if args.rate is not None else args.users
    if wanted is not None:
        hold_s = args.duration if args.duration is not None else UNTIL_STOPPED_S
        kind = "rate" if args.rate is not None else "users"
        load = replace(load, kind=kind, stages=(Stage(to=float(wanted), hold_s=hold_s),))
    slos = _slos(args.slo) if args.slo else None
    return replace(_put(scenario, slo=slos), prompts=prompts, load=load)


def capped(scenario: Scenario, args: argparse.Namespace) -> Scenario:
    """The scenario with what `add_endpoint_options` and `add_cap_options` brought put over it."""
    load = _put(scenario.load, max_users=args.max_users)
    stop = _put(scenario.stop, duration_s=args.duration, max_requests=args.max_requests, max_usd=args.max_usd)
    endpoint = endpoint_with(scenario.endpoint, args)
    return replace(_put(scenario, seed=args.seed), endpoint=endpoint, load=load, stop=stop)


def _put(struct: S, **values: Any) -> S:
    """Replace only what was given."""
    return replace(struct, **{key: value for key, value in values.items() if value is not None})


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not (is_header_name(name.strip()) and is_header_value(value.strip())):
        # What stands there may be a key: it isn't repeated.
        raise UsageError(
            "what --header was given is not a header; write ASCII text on one line, as in 'X-Team: search'"
        )
    return name.strip(), value.strip()


def _slos(texts: list[str]) -> tuple[Slo, ...]:
    try:
        return parse_slos(texts)
    except ValueError as error:
        raise UsageError(f"--slo: {error}") from None


def _corpus(name: str) -> str:
    """A path on the command line starts from where the command was typed, not from the scenario."""
    return str(Path(name).expanduser().absolute()) if "/" in name or Path(name).suffix else name


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UsageError("--body must be a JSON object, as in '{\"temperature\": 0}'")
    from llmprobe.scenario.values import InsideError, check_json

    try:
        check_json(body)
    except InsideError as error:
        raise UsageError(f"--body: {'.'.join(map(str, error.inside))} {error}") from None
    return body


def _some(text: str) -> int:
    """A size of 1 or more."""
    count = parse_size(text)
    if count < 1:
        raise ValueError(f"{text!r} leaves nothing to do; write 1 or more")
    return count


def _users(text: str) -> int:
    """As many as a machine may carry."""
    count = _some(text)
    if (trouble := too_much(count, "users")) is not None:
        raise ValueError(f"{text} {trouble}")
    return count


def _rate(text: str) -> float:
    """As many requests a second as a machine may carry."""
    rate = parse_rate(text)
    if (trouble := too_much(rate, "rate")) is not None:
        raise ValueError(f"{text} {trouble}")
    return rate


def value(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A parser of `core.units` as argparse wants it: its sentence becomes the error."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
