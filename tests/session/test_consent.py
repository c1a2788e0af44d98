"""What is said before anything leaves this machine."""

import pytest
from msgspec.structs import replace

from llmprobe.core.scenario import Endpoint, Prices, Scenario, Stop
from llmprobe.session.consent import consent, with_caps

_AWAY = Scenario(endpoint=Endpoint(url="https://llm.example/v1"))


@pytest.mark.parametrize(
    "url", ["sim", "http://127.0.0.1:8000/v1", "http://localhost:1/v1", "http://[::1]:1/v1"]
)
def test_on_this_machine_nothing_is_asked_and_nothing_capped(url):
    scenario = Scenario(endpoint=Endpoint(url=url))
    assert consent(scenario, "m", None, None) is None
    assert with_caps(scenario) == scenario


def test_off_this_machine_there_is_a_cap_even_if_none_was_given():
    assert with_caps(_AWAY).stop == Stop(max_requests=500)
    priced = replace(_AWAY, prices=Prices(input=1, output=2))
    assert with_caps(priced).stop == Stop(max_requests=500, max_usd=1.0)


def test_a_cap_that_was_given_stays():
    asked = replace(_AWAY, stop=Stop(max_requests=9000, max_usd=20.0, duration_s=60))
    assert with_caps(asked).stop == asked.stop


def test_the_question_names_host_model_key_tokens_and_cost():
    said = consent(with_caps(replace(_AWAY, prices=Prices(input=1, output=2))), "big", "LLM_KEY", 0.001)
    assert said is not None
    for part in (
        "at most 500 requests",
        "llm.example",
        "model big",
        "$LLM_KEY",
        "256 output tokens",
        "$0.5 in all",
    ):
        assert part in said
    assert "not known" in (consent(with_caps(_AWAY), "big", None, None) or "")
