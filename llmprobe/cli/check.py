"""Say whether a scenario is sound, and what it would take: time, requests, tokens, money. Sends nothing."""

import argparse
import math
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from llmprobe.cli import exit_codes
from llmprobe.cli.scenario_file import HELP, scenario_in
from llmprobe.core.errors import UsageError
from llmprobe.core.keys import key_name
from llmprobe.core.scenario import DEFAULT_DIALECT, Endpoint, Scenario
from llmprobe.core.target import is_loopback, is_sim, parse_sim
from llmprobe.core.units import people_seconds, people_usd
from llmprobe.corpus.reader import open_corpus
from llmprobe.corpus.tokens import estimate_prompt_tokens
from llmprobe.cost.prices import reserve
from llmprobe.engine.pacer import timeline
from llmprobe.session.consent import with_caps
from llmprobe.session.opening import no_room
from llmprobe.sim.presets import preset
from llmprobe.wire.dialects import dialect
from llmprobe.wire.guess import by_address

_FASTEST_REQUEST_S = 0.5
_SLOWEST_REQUEST_S = 10.0
"""Between these lies the length of a request when nobody has measured it."""


class Forecast(Struct, frozen=True):
    """What a run would take. `requests` is the most there can be, None where nothing bounds it."""

    file: str
    url: str
    dialect: str | None
    """None: guessed when it runs, by asking the endpoint for its models."""
    duration_s: float | None
    requests_low: int | None
    requests_high: int | None
    requests_capped: bool
    retry: str
    input_tokens_mean: float
    output_tokens_limit: int | None
    usd_high: float | None
    key_env: str | None
    key_is_set: bool | None
    leaves_this_machine: bool
    stages: int
    prompts: int
    no_room: str | None
    """Why one worker on this machine can't carry the load; None when it can."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", type=Path, help=HELP)
    parser.add_argument("--json", action="store_true", help="print the forecast as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what is known; whatever is unsound is raised as `UsageError` with file, line and key."""
    scenario = scenario_in(args.scenario)
    forecast = _forecast(str(args.scenario), with_caps(scenario), args.scenario.parent)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(forecast), indent=2).decode())
    else:
        print("\n".join(_said(forecast)))
    return exit_codes.PASSED


def _forecast(file: str, scenario: Scenario, base: Path) -> Forecast:
    if (trouble := scenario.without_idle()) is not None:
        raise UsageError(trouble)
    dialect(scenario.endpoint.dialect)
    if is_sim(scenario.endpoint.url):
        preset(parse_sim(scenario.endpoint.url).preset)
    corpus = open_corpus(scenario.prompts, base)
    key = key_name(scenario.endpoint.url, scenario.endpoint.api_key_env)
    low, high, capped = _requests(scenario)
    limits = [prompt.max_tokens or scenario.prompts.max_tokens for prompt in corpus.prompts]
    limit = None if None in limits else max(limit for limit in limits if limit is not None)
    sizes = [estimate_prompt_tokens(prompt) for prompt in corpus.prompts]
    return Forecast(
        file=file,
        url=scenario.endpoint.url,
        dialect=_dialect(scenario.endpoint),
        duration_s=_duration_s(scenario),
        requests_low=low,
        requests_high=high,
        requests_capped=capped,
        retry=str(scenario.retry),
        input_tokens_mean=sum(sizes) / len(sizes),
        output_tokens_limit=limit,
        usd_high=_usd(scenario, high, max(sizes), limit),
        key_env=key,
        key_is_set=None if key is None else bool(os.environ.get(key, "").strip()),
        leaves_this_machine=not is_loopback(scenario.endpoint.url),
        stages=len(scenario.load.stages),
        prompts=len(corpus.prompts),
        no_room=no_room(scenario, timed=bool(scenario.load.stages), workers=1),
    )


def _dialect(endpoint: Endpoint) -> str | None:
    if endpoint.dialect is not None or is_sim(endpoint.url):
        return endpoint.dialect or DEFAULT_DIALECT
    told = by_address(endpoint.url)
    return told.dialect if told is not None else None


def _duration_s(scenario: Scenario) -> float | None:
    bounds = [scenario.load.duration_s] if scenario.load.stages else []
    bounds += [scenario.stop.duration_s] if scenario.stop.duration_s is not None else []
    return min(bounds, default=None)


def _requests(scenario: Scenario) -> tuple[int | None, int | None, bool]:
    """Fewest and most requests, and whether a cap sets the most."""
    load, cap = scenario.load, scenario.stop.max_requests
    if not load.stages:
        return None, cap, cap is not None
    levels = timeline(load)
    ends = [level.start_s for level in levels.levels[1:]] + [levels.end_s]
    area = {"users": 0.0, "rate": 0.0}
    for level, end_s in zip(levels.levels, ends, strict=True):
        area[level.kind] += _area(level.origin, level.target, level.ramp_s, end_s - level.start_s)
    low = round(area["rate"] + area["users"] / _SLOWEST_REQUEST_S)
    high = round(area["rate"] + area["users"] / _FASTEST_REQUEST_S)
    if cap is not None and cap < high:
        return min(low, cap), cap, True
    return low, high, False


def _area(origin: float, target: float, ramp_s: float, span_s: float) -> float:
    """Load x seconds under a ramp and the hold behind it."""
    return (origin + target) / 2 * ramp_s + target * (span_s - ramp_s)


def _usd(scenario: Scenario, requests: int | None, prompt: int, limit: int | None) -> float | None:
    """The most that it can cost; None where prices are unknown or nothing bounds it."""
    if scenario.prices is None:
        return None
    each = reserve(scenario.prices, prompt, limit)
    most = each * requests if requests is not None else math.inf
    if scenario.stop.max_usd is not None:
        most = min(most, scenario.stop.max_usd)
    return most if math.isfinite(most) else None


def _said(forecast: Forecast) -> Iterator[str]:
    stages = "1 stage" if forecast.stages == 1 else f"{forecast.stages} stages"
    yield f"{forecast.file} is sound: {stages} on {forecast.url}."
    length = forecast.duration_s
    yield f"  dialect   {forecast.dialect or 'guessed when it runs'}"
    yield f"  time      {'until stopped' if length is None else people_seconds(length)}"
    yield f"  requests  {_said_requests(forecast)}"
    limit = forecast.output_tokens_limit
    output = "without a limit" if limit is None else f"at most {limit} out"
    yield f"  tokens    about {forecast.input_tokens_mean:.0f} in, {output}, a request"
    usd = forecast.usd_high
    money = "unknown: no [prices], or nothing bounds it" if usd is None else f"at most {people_usd(usd)}"
    yield f"  money     {money}"
    yield f"  failures  {forecast.retry}"
    if forecast.key_env is None:
        yield "  key       none is sent"
    else:
        yield f"  key       ${forecast.key_env}, which is {'set' if forecast.key_is_set else 'NOT set'}"
    away = "leaves this machine; llmprobe asks first (--yes agrees)"
    yield f"  traffic   {away if forecast.leaves_this_machine else 'stays on this machine'}"
    if forecast.no_room is not None:
        yield f"  ! not on this machine as it is: {forecast.no_room}"


def _said_requests(forecast: Forecast) -> str:
    low, high = forecast.requests_low, forecast.requests_high
    if high is None:
        return "until stopped, without a cap"
    if low is None or low == high:
        return f"at most {high}" if forecast.requests_capped else f"about {high}"
    between = f"{low} to {high}"
    if forecast.requests_capped:
        return f"{between} (capped)"
    fast, slow = people_seconds(_FASTEST_REQUEST_S), people_seconds(_SLOWEST_REQUEST_S)
    return f"{between}, for requests of {slow} to {fast}"
