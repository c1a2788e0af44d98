"""The tables of a scenario file and their keys, in the order they are written, for reader and writer."""

import re
from dataclasses import dataclass
from typing import Any

from msgspec import NODEFAULT
from msgspec.structs import fields

from llmprobe.core import scenario
from llmprobe.core.load import Load, Stage
from llmprobe.core.units import format_duration
from llmprobe.scenario import values
from llmprobe.scenario.values import Value


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: the field it fills, what it holds, whether it is written even at its default."""

    field: str
    holds: "Value | Table | Rows"
    always: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file and the struct it makes."""

    makes: type[Any]
    keys: dict[str, Key]

    def defaults(self) -> dict[str, Any]:
        """Field -> default; a field without one must be in the file."""
        return {
            field.name: field.default if field.default_factory is NODEFAULT else field.default_factory()
            for field in fields(self.makes)
            if not field.required
        }


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of tables, one a line."""

    of: Table


_TEXT = Value(values.text)
_DURATION = Value(values.duration, format_duration)
_SPAN = Value(values.span, format_duration)
_COUNT = Value(values.count)
_PRICE = Value(values.dollars)
FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What may name an endpoint in a file of them."""
RESERVED = ("endpoints", "steps")
"""Tables that a later format will have."""

_TIMEOUTS = Table(
    scenario.Timeouts,
    {
        "connect": Key("connect_s", _SPAN),
        "first_token": Key("first_token_s", _SPAN),
        "stall": Key("stall_s", _SPAN),
        "total": Key("total_s", _SPAN),
    },
)
ENDPOINT = Table(
    scenario.Endpoint,
    {
        "url": Key("url", Value(values.address)),
        "dialect": Key("dialect", _TEXT),
        "model": Key("model", _TEXT),
        "api_key_env": Key("api_key_env", Value(values.env_name)),
        "connection": Key("connection", Value(values.connection)),
        "cacert": Key("cacert", _TEXT),
        "insecure": Key("insecure", Value(values.flag)),
        "http2": Key("http2", Value(values.flag)),
        "headers": Key("headers", Value(values.headers)),
        "body": Key("body", Value(values.body, values.write_body)),
        "timeouts": Key("timeouts", _TIMEOUTS),
    },
)
_PROMPTS = Table(
    scenario.Prompts,
    {
        "corpus": Key("corpus", _TEXT, always=True),
        "sha256": Key("sha256", Value(values.digest)),
        "cache": Key("cache", values.choice("cold", "warm"), always=True),
        "max_tokens": Key(
            "max_tokens", Value(values.output_limit, values.write_output_limit), always=True
        ),
    },
)  # fmt: skip
_LOAD_KIND = values.choice("users", "rate")
_STAGE = Table(
    Stage,
    {
        "to": Key("to", Value(values.amount, values.write_load)),
        "ramp": Key("ramp_s", _DURATION),
        "hold": Key("hold_s", _DURATION),
        "kind": Key("kind", _LOAD_KIND),
        "by": Key("by", values.choice("hand", "autopilot")),
    },
)
_LOAD = Table(
    Load,
    {
        "kind": Key("kind", _LOAD_KIND, always=True),
        "arrivals": Key("arrivals", values.choice("poisson", "constant", "gamma")),
        "warmup": Key("warmup_s", _DURATION),
        "max_users": Key("max_users", _COUNT),
        "stages": Key("stages", Rows(_STAGE)),
    },
)
_RETRY = Table(
    scenario.Retry,
    {
        "retry_after": Key("retry_after", values.choice("obey", "ignore")),
        "first": Key("first_s", _DURATION),
        "longest": Key("longest_s", _SPAN),
    },
)
_STOP = Table(
    scenario.Stop,
    {
        "duration": Key("duration_s", _SPAN),
        "max_requests": Key("max_requests", _COUNT),
        "max_usd": Key("max_usd", Value(values.dollars)),
    },
)
_PRICES = Table(
    scenario.Prices,
    {
        "input": Key("input", _PRICE),
        "output": Key("output", _PRICE),
        "cached_input": Key("cached_input", _PRICE),
    },
)
SCENARIO = Table(
    scenario.Scenario,
    {
        "name": Key("name", _TEXT, always=True),
        "seed": Key("seed", Value(values.whole), always=True),
        "slo": Key("slo", Value(values.slos, lambda slos: [str(slo) for slo in slos]), always=True),
        "endpoint": Key("endpoint", ENDPOINT),
        "prompts": Key("prompts", _PROMPTS, always=True),
        "load": Key("load", _LOAD, always=True),
        "autopilot": Key(
            "autopilot",
            Table(
                scenario.Autopilot,
                {
                    "strategy": Key("strategy", _TEXT, always=True),
                    "keep_free": Key("keep_free", Value(values.share)),
                },
            ),
        ),
        "retry": Key("retry", _RETRY),
        "stop": Key("stop", _STOP),
        "prices": Key("prices", _PRICES),
        "baseline": Key("baseline", Value(values.baseline, values.write_baseline)),
    },
)
