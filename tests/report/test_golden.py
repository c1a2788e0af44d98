"""What a result looks like, byte for byte."""

import json

import pytest
from msgspec.structs import replace

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Prices
from llmprobe.report.files import Ended
from llmprobe.report.formats import FORMATS
from llmprobe.report.make import make_result

EVIL = "overloaded\x1b]52;c;ZXZpbA==\x07\r\nPASSED  all is well\x1b[2J \u202eno\u202c"


@pytest.fixture
def passed(evening, scenario):
    return make_result(evening, scenario)


@pytest.fixture
def killed(make, evening, scenario):
    """After half a minute; hardly anything was measured at sixteen users."""
    return make_result(
        make.run(
            [record for record in evening.records if record.ended_s < 39],
            evening.lines[:4],
            [moment for moment in evening.series if moment.at_s < 39],
        ),
        scenario,
    )


@pytest.fixture
def capped(make, evening, scenario):
    """Stopped by its cap on money, with failures, and an endpoint that writes to the terminal."""
    records = [
        replace(record, outcome=Outcome.RATE_LIMITED, error=EVIL, ttft_s=None, status=429, usd=0.0)
        if record.index % 9 == 0
        else replace(record, usd=0.0004)
        for record in evening.records
    ]
    ended = Ended(66.0, "money", "the cap of $0.16 is reached ($0.152 spent)")
    began = replace(make.BEGAN, insecure=True, model=EVIL)
    lines = [began, *evening.lines[1:-1], ended]
    return make_result(
        make.run(records, lines, evening.series), replace(scenario, prices=Prices(input=0.15, output=0.60))
    )


@pytest.fixture
def unreachable(make, scenario):
    records = [
        make.record(
            float(k), 0.001, index=k, outcome=Outcome.CONNECTION, error=f"it refuses connections: {EVIL}",
            ttft_s=None, ttfo_s=None, tpot_s=None, output_tokens=None, input_tokens=None, token_source=None,
            status=None, stamps={},
        )
        for k in range(6)
    ]  # fmt: skip
    return make_result(make.run(records, [make.BEGAN, make.LOW, make.DONE]), scenario)


@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
@pytest.mark.parametrize("which", ["passed", "killed", "capped", "unreachable"])
def test_a_result_is_rendered_byte_for_byte_as_before(request, golden, which, format_):
    golden(f"{which}.{format_}", FORMATS[format_](request.getfixturevalue(which)))


@pytest.mark.parametrize("which", ["passed", "killed", "capped", "unreachable"])
def test_markdown_says_nothing_to_the_terminal_and_no_markup_of_others(request, which):
    text = FORMATS["markdown"](request.getfixturevalue(which))
    assert not set(text) & set("\x1b\x07\r\u202e\u202c")
    assert [line for line in text.splitlines() if line.startswith("**")] == [text.splitlines()[0]]


@pytest.mark.parametrize("which", ["passed", "killed", "capped", "unreachable"])
def test_a_text_keeps_to_80_columns_and_says_nothing_to_the_terminal(request, which):
    text = FORMATS["text"](request.getfixturevalue(which))
    assert max(map(len, text.splitlines())) <= 80
    assert not set(text) & set("\x1b\x07\r\u202e\u202c")
    assert [line for line in text.splitlines() if line.startswith("PASSED")] == (
        [text.splitlines()[0]] if which == "passed" else []
    )


def test_json_holds_the_keys_that_were_promised(passed):
    told = json.loads(FORMATS["json"](passed))
    promised = {
        "": "format llmprobe name seed started duration_s complete verdict totals latency throughput "
        "workload levels capacity limits cost probe server",
        "verdict": "passed exit_code reasons slos",
        "totals": "requests completed failed cancelled outcomes input_tokens output_tokens cached_tokens "
        "token_source usd",
        "latency": "ttft_s ttfo_s itl_s tpot_s e2e_s connect_s",
        "throughput": "requests_per_s output_tokens_per_s tokens_per_s_per_user",
        "workload": "input_tokens output_tokens cache cached_share think_s",
        "probe": "bound why loop_lag_p99_s cpu_share workers stamps",
    }
    for table, keys in promised.items():
        assert set(keys.split()) <= set(told[table] if table else told)
    (level, *_), (slo, *_) = told["levels"], told["verdict"]["slos"]
    promised_of_a_level = "users rate n seconds ttft_s tpot_s output_tokens_per_s error_rate goodput"
    assert set(promised_of_a_level.split()) <= set(level)
    assert {"slo", "value", "n", "passed"} <= set(slo)
    assert {"n", "mean", "p50", "p90", "p95", "p99", "max"} == set(told["latency"]["ttft_s"])
