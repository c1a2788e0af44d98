"""What is written is read back as an equal scenario, and reads well; keys are left out."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.load import MOST, Load, Stage
from llmprobe.core.scenario import (
    Autopilot,
    Baseline,
    Endpoint,
    Prices,
    Prompts,
    Retry,
    Scenario,
    Stop,
    Timeouts,
)
from llmprobe.core.slo import LATENCIES, QUANTILES, Slo
from llmprobe.scenario.reader import parse_scenario
from llmprobe.scenario.secrets import public_url, without_secrets
from llmprobe.scenario.writer import dump_scenario

GOLDEN = Path(__file__).parent / "evening-probe.toml"
EVENING = Scenario(
    endpoint=Endpoint(
        dialect="openai-chat",
        url="http://127.0.0.1:8000/v1",
        model="llama-3-8b",
        api_key_env="LLM_KEY",
        headers={"X-Team": "search"},
        body={"temperature": 0.7, "stop": ["\n\n"]},
        timeouts=Timeouts(first_token_s=20.0),
    ),
    name="evening-probe",
    seed=42,
    prompts=Prompts(sha256="0123456789abcdef" * 4),
    load=Load(
        warmup_s=5.0,
        stages=(
            Stage(4, 12.345, by="hand"),
            Stage(8, 30.0, 2.0, by="hand"),
            Stage(0, 1.5, by="hand"),
            Stage(32, 60.0, by="hand"),
        ),
    ),
    retry=Retry(longest_s=30.0),
    stop=Stop(max_requests=500, max_usd=1.0),
    prices=Prices(0.15, 0.6),
    baseline=Baseline({"ttft_p95_s": 0.62}),
)


def read(text: str) -> Scenario:
    return parse_scenario(text, file="s.toml", environ={})


def test_a_saved_scenario_reads_well() -> None:
    assert dump_scenario(EVENING) == GOLDEN.read_text(encoding="utf-8")


def test_little_is_written_of_a_scenario_that_is_all_defaults() -> None:
    assert dump_scenario(Scenario(Endpoint("sim"))) == (
        'format = 1\nname = "probe"\nseed = 0\nslo = [\n    "p95 ttft < 1s",\n    "p95 tpot < 60ms",\n'
        '    "errors < 1%",\n]\n\n[endpoint]\nurl = "sim"\n\n[prompts]\n'
        'corpus = "mixed"\ncache = "cold"\nmax_tokens = 256\n\n[load]\nkind = "users"\n'
    )


def test_an_autopilot_takes_the_place_of_stages() -> None:
    text = dump_scenario(Scenario(Endpoint("sim"), autopilot=Autopilot()))

    assert text.endswith('[autopilot]\nstrategy = "knee"\n')


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://user:pass@h:8000/v1", "https://h:8000/v1"),
        ("https://h/v1?key=abc&version=2&api_key=x", "https://h/v1?version=2"),
        ("https://h/v1?a=%2F&b=", "https://h/v1?a=%2F&b="),
        ("sim:small-gpu?seed=1", "sim:small-gpu?seed=1"),
    ],
)
def test_an_address_is_written_without_its_secrets(url: str, public: str) -> None:
    assert public_url(url) == public
    assert read(dump_scenario(Scenario(Endpoint(url)))).endpoint.url == public


def test_headers_and_fields_that_carry_keys_are_not_written() -> None:
    endpoint = Endpoint(
        "https://h/v1",
        headers={
            "Authorization": "Bearer hello-world", "X-Api-Key": "hello", "X-Team": "search",
            "X-Odd": "sk-hello-world",
        },
        body={"n": 1, "api_key": "hello", "extra": [{"password": "hello", "user": "u"}], "key": 5},
    )  # fmt: skip

    text = dump_scenario(Scenario(endpoint))

    assert "hello" not in text
    kept = read(text).endpoint
    assert kept.headers == {"X-Team": "search"}
    assert kept.body == {"n": 1, "extra": [{"user": "u"}], "key": 5}


def test_a_scenario_without_secrets_is_left_as_it_is() -> None:
    assert without_secrets(EVENING) == EVENING


words = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12
)  # fmt: skip
seconds = st.integers(0, 10**7).map(lambda ms: ms / 1000) | st.floats(0, 1e6)
spans = seconds.filter(bool)
counts = st.integers(1, 10**9)
money = st.floats(0, 1e6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
slos = (
    st.builds(Slo, st.sampled_from(LATENCIES), st.floats(1e-6, 1e4), st.sampled_from(sorted(QUANTILES)))
    | st.builds(Slo, st.sampled_from(["errors", "goodput"]), st.floats(0, 1))
    | st.sampled_from([Slo("ttft", math.inf, "p95", 3.0), Slo("e2e", math.inf, "p50", 1.5)])
)
retries = st.builds(
    lambda how, first_s, more_s: Retry(how, first_s, first_s + more_s),
    st.sampled_from(["obey", "ignore"]), seconds, spans,
)  # fmt: skip
endpoints = st.builds(
    Endpoint,
    url=st.sampled_from(
        ["sim", "sim:big-gpu?speed=10", "http://127.0.0.1:8000/v1", "https://h.example/v1?x=1"]
    ),
    model=st.none() | words,
    api_key_env=st.none() | st.sampled_from(["LLM_KEY", "_k2"]),
    headers=st.dictionaries(
        st.sampled_from(["X-Team", "X-A", "accept", "X-Trace"]), header_values, max_size=3
    ),
    body=st.dictionaries(words, json_values, max_size=4),
    connection=st.sampled_from(["keep", "per-request", "max-age 90s"]),
    timeouts=st.builds(Timeouts, spans, spans, spans, spans),
    cacert=st.none() | words,
    insecure=st.booleans(),
)
users = st.builds(
    Stage,
    st.integers(0, 5000).map(float),
    seconds,
    seconds,
    st.sampled_from([None, "hand", "autopilot"]),
    st.sampled_from([None, "users", "rate"]),
)
rates = st.builds(Stage, st.floats(0, 1e5), seconds, seconds)
loads = st.builds(
    Load, st.just("users"), warmup_s=seconds, stages=st.lists(users, max_size=4).map(tuple),
    max_users=st.integers(1, MOST),
) | st.builds(
    Load, st.just("rate"), st.sampled_from(["poisson", "constant", "gamma"]), seconds,
    st.lists(rates, max_size=4).map(tuple),
)  # fmt: skip
figures = st.dictionaries(
    st.sampled_from(["ttft_p95_s", "e2e_max_s", "connect_mean_s"]), st.floats(0, 1e4), min_size=1
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    load = draw(loads)
    return Scenario(
        endpoint=draw(endpoints),
        name=draw(words),
        seed=draw(st.integers(-(2**63), 2**63 - 1)),
        slo=tuple(draw(st.lists(slos, max_size=3))),
        prompts=draw(
            st.builds(
                Prompts,
                words,
                st.none() | st.just("0123456789abcdef" * 4),
                st.sampled_from(["cold", "warm"]),
                st.none() | counts,
            )
        ),
        load=load,
        autopilot=None if load.stages else draw(st.none() | st.builds(Autopilot, words)),
        retry=draw(retries),
        stop=draw(st.builds(Stop, st.none() | spans, st.none() | counts, st.none() | money)),
        prices=draw(st.none() | st.builds(Prices, money, money, st.none() | money)),
        baseline=draw(st.none() | st.builds(Baseline, figures, st.floats(0, 1))),
    )


@given(scenarios())
def test_any_scenario_is_read_back_equal(scenario: Scenario) -> None:
    assert read(dump_scenario(scenario)) == without_secrets(scenario)


@given(scenarios())
def test_writing_what_was_read_gives_the_same_text(scenario: Scenario) -> None:
    text = dump_scenario(scenario)

    assert dump_scenario(read(text)) == text


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


def test_a_deep_body_is_kept() -> None:
    scenario = Scenario(Endpoint("sim", body=nested(20)))

    assert read(dump_scenario(scenario)) == scenario
