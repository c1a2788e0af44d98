"""Outcomes, records, load, scenario defaults and the tree of errors."""

import msgspec
import pytest

from llmprobe.core.errors import (
    CorpusError,
    EndpointError,
    LlmprobeError,
    LocalError,
    ScenarioError,
    UsageError,
)
from llmprobe.core.load import Load, Stage
from llmprobe.core.outcome import TIMEOUTS, Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.slo import DEFAULT_SLOS

NEITHER = {Outcome.CANCELLED, Outcome.LOST}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_completed_or_failed_or_was_our_own_doing(outcome: Outcome) -> None:
    assert outcome.completed + outcome.failed + (outcome in NEITHER) == 1


def test_only_whole_answers_completed() -> None:
    assert {o for o in Outcome if o.completed} == {Outcome.OK, Outcome.LENGTH, Outcome.CONTENT_FILTER}


def test_a_rate_limit_is_a_failure_and_every_timeout_is_one() -> None:
    assert Outcome.RATE_LIMITED.failed
    assert {outcome for outcome in Outcome if outcome.startswith("timeout")} == TIMEOUTS
    assert all(outcome.failed for outcome in TIMEOUTS)


def record(**fields: object) -> RequestRecord:
    required = {
        "index": 0, "prompt_id": "p", "user": 0, "level_id": 0, "users": 1, "started_s": 2.0, "e2e_s": 1.5,
        "outcome": "ok",
    }  # fmt: skip
    return msgspec.convert(required | fields, RequestRecord)


def test_a_record_ended_when_its_last_byte_came() -> None:
    assert record().ended_s == 3.5


def test_the_text_chunks_of_a_record_are_all_its_stamps() -> None:
    assert record(stamps={"kernel": 3, "coalesced": 2}).text_chunks == 5
    assert record().text_chunks == 0


def test_what_a_record_does_not_know_is_null() -> None:
    line = msgspec.json.decode(msgspec.json.encode(record()))

    assert {line[name] for name in ("ttft_s", "tpot_s", "output_tokens", "usd", "error", "request_id")} == {
        None
    }


def test_a_load_lasts_for_its_warmup_and_all_stages() -> None:
    load = Load(warmup_s=5.0, stages=(Stage(8, hold_s=30.0, ramp_s=2.0), Stage(16, hold_s=10.0)))

    assert load.duration_s == 47.0


def test_a_scenario_needs_no_more_than_an_address() -> None:
    scenario = Scenario(Endpoint("sim"))

    assert scenario.slo == DEFAULT_SLOS
    assert (scenario.prompts.corpus, scenario.prompts.cache, scenario.prompts.max_tokens) == (
        "mixed",
        "cold",
        256,
    )


def test_two_endpoints_share_no_headers() -> None:
    assert Endpoint("sim").headers is not Endpoint("sim").headers


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LlmprobeError, 70),
        (UsageError, 2),
        (ScenarioError, 2),
        (CorpusError, 2),
        (EndpointError, 3),
        (LocalError, 6),
    ],
)
def test_each_error_knows_the_exit_code_of_its_command(error: type[LlmprobeError], code: int) -> None:
    assert error("x").exit_code == code
    assert error("x").message == "x"


def test_an_error_in_a_file_names_the_place_as_far_as_it_is_known() -> None:
    assert CorpusError("is empty", file="a.jsonl").message == "a.jsonl: is empty"
    assert CorpusError("is odd", file="a.jsonl", line=3, key="id").message == "a.jsonl:3: id: is odd"
    assert CorpusError("is odd", key="id").message == "id: is odd"


def test_several_errors_in_a_scenario_stand_on_a_line_each() -> None:
    others = (ScenarioError("is bad", file="s.toml", line=9, key="seed"), ScenarioError("is worse"))

    error = ScenarioError("is wrong", file="s.toml", line=1, key="name", others=others)

    assert error.message == "s.toml:1: name: is wrong\ns.toml:9: seed: is bad\nis worse"
    assert (error.line, error.key, error.reason) == (1, "name", "is wrong")
