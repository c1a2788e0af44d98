"""What follows from what the doctor found: the most a worker carries, and advice."""

import pytest
from msgspec.structs import replace

from llmprobe.session.diagnosis import Diagnosis, LoadPoint, StampError, Target, TtftError, advise, most
from llmprobe.telemetry.machine import Machine
from llmprobe.telemetry.open_files import SPARE

_MACHINE = Machine(
    open_files=20_000, ports=28_000, cores=8, uvloop=True, clock_source="tsc", clock_resolution_ns=1,
    python="3.11.7",
)  # fmt: skip
_STAMPS = StampError(p50=4.0, p99=20.0, max=300.0, n=60_000, tokens_per_s=20_000, kind="kernel")
_TTFT = TtftError(users=1000, true_ms=200.0, mean=0.02, p99=0.1)
_HEALTHY = Diagnosis(
    llmprobe="0", measured_on="sim:fixed", stamp_error_us=_STAMPS, ttft_error_ms=_TTFT,
    cpu_us_per_token=25.0, loads=(), max_tokens_per_s=35_000, max_streams=1750, max_streams_by="CPU",
    open_files=20_000, ports=28_000, cores=8, uvloop=True, clock_source="tsc", clock_resolution_ns=1,
    python="3.11.7", target=None,
)  # fmt: skip
_TARGET = Target("http://127.0.0.1:1/v1", answers=True, dialect="openai-chat", created_ns=True)


def test_a_sound_machine_needs_no_advice():
    assert advise(_HEALTHY) == ()
    assert advise(replace(_HEALTHY, target=_TARGET)) == ()


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        ({"target": replace(_TARGET, answers=False, error="it is gone")}, "it is gone."),
        ({"target": replace(_TARGET, answers=False)}, "gave no answer"),
        ({"target": replace(_TARGET, created_ns=False)}, "does not say when it writes a token"),
        ({"stamp_error_us": replace(_STAMPS, kind="loop")}, "measure from Linux"),
        ({"stamp_error_us": replace(_STAMPS, p99=18_000.0)}, "off by 18.0 ms or more; close what else"),
        ({"ttft_error_ms": replace(_TTFT, p99=40.0)}, "up to 40 ms too long; let them start over"),
        ({"ttft_error_ms": replace(_TTFT, failed=3)}, "1,000 users that started at once 3 failed"),
        ({"max_tokens_per_s": 9_000}, "9,000 tokens/s; past that take more of them with --workers"),
        ({"max_tokens_per_s": 9_000, "cores": 1}, "measure from a machine with more cores"),
        ({"uvloop": False}, "Install uvloop (pip install 'llmprobe[fast]')"),
        ({"open_files": 256}, "256 files, which leaves 192 users for each worker"),
        ({"ports": 1000}, "1,000 ports"),
        ({"cores": 1}, "There is one core"),
        ({"clock_source": "hpet"}, "clock source is hpet"),
    ],
)  # fmt: skip
def test_what_is_amiss_is_said_in_a_sentence_with_what_to_do(finding, says):
    advice = advise(replace(_HEALTHY, **finding))
    assert any(says in sentence for sentence in advice)
    assert all(sentence[-1] in ".?" for sentence in advice)


def test_what_is_not_known_is_no_cause_for_advice():
    unknown = replace(
        _HEALTHY, ports=None, clock_source=None, stamp_error_us=None, ttft_error_ms=None,
        max_tokens_per_s=None,
    )  # fmt: skip
    assert advise(unknown) == ()


def test_the_most_lies_on_the_line_through_both_loads():
    loads = (LoadPoint(5_000, 0.15), LoadPoint(20_000, 0.45))  # 20 us a token, and 5 % without any
    found = most(loads, _MACHINE)
    assert found is not None
    assert found.tokens_per_s == pytest.approx(40_000)
    assert (found.streams, found.streams_by) == (2_000, "CPU")


def test_with_one_load_the_most_is_in_proportion():
    found = most((LoadPoint(5_000, 0.17),), _MACHINE)
    assert found is not None
    assert found.tokens_per_s == pytest.approx(25_000)


def test_noise_that_turns_the_line_down_is_no_line():
    found = most((LoadPoint(5_000, 0.5), LoadPoint(20_000, 0.4)), _MACHINE)
    assert found is not None
    assert found.tokens_per_s == pytest.approx(42_500)


@pytest.mark.parametrize(
    ("limits", "streams", "by"),
    [
        ({"open_files": 1024}, 1024 - SPARE, "open files"),
        ({"ports": 500}, 500, "ports"),
        ({"ports": None}, 2_000, "CPU"),
    ],
)
def test_streams_end_at_the_lowest_of_the_limits(limits, streams, by):
    loads = (LoadPoint(5_000, 0.15), LoadPoint(20_000, 0.45))
    found = most(loads, replace(_MACHINE, **limits))
    assert found is not None
    assert (found.streams, found.streams_by) == (streams, by)


@pytest.mark.parametrize("loads", [(), (LoadPoint(0.0, 0.0),), (LoadPoint(10.0, 0.0),)])
def test_without_a_load_nothing_is_claimed(loads):
    assert most(loads, _MACHINE) is None
