"""When a run ends by itself."""

import pytest
from msgspec.structs import replace

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Stop
from llmprobe.metrics.snapshot import Finished, Snapshot
from llmprobe.session.stop import Reason, ending

_FINE = Snapshot(target=4, started=50, completed=50)


def _reason(snapshot=_FINE, *, stop=Stop(), elapsed_s=1.0, plan_ended=False, capped=None, guard=True):  # noqa: B008 - frozen
    found = ending(stop, snapshot, elapsed_s=elapsed_s, plan_ended=plan_ended, capped=capped, guard=guard)
    return None if found is None else found.reason


def test_a_run_that_does_well_goes_on():
    assert _reason() is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plan_ended": True}, Reason.PLAN),
        ({"stop": Stop(duration_s=60), "elapsed_s": 60.0}, Reason.DURATION),
        ({"capped": "the cap of 500 requests is reached"}, Reason.REQUESTS),
        ({"capped": "the cap of $1 is reached ($0.99 spent)"}, Reason.MONEY),
    ],
)
def test_a_planned_end_is_named(changes, reason):
    assert _reason(**changes) is reason


def _failing(failed: int, outcome: Outcome = Outcome.CONNECTION, completed: int = 0) -> Snapshot:
    line = Finished(
        index=0, user=0, users=4, at_s=0.0, prompt_id="p", outcome=outcome, status=None, ttft_s=None,
        tpot_s=None, e2e_s=0.0, output_tokens=None, error="refused", retry_after_s=None, text="",
    )  # fmt: skip
    return replace(
        _FINE, completed=completed, failed=failed, outcomes={outcome: failed},
        log=(line,) * min(failed, 1000), last_error="refused",
    )  # fmt: skip


def test_an_endpoint_that_answers_nothing_ends_a_run_that_nobody_watches():
    assert _reason(_failing(4)) is None
    assert _reason(_failing(5)) is Reason.ENDPOINT
    assert _reason(_failing(5), guard=False) is None


def test_many_users_have_to_fail_before_an_endpoint_counts_as_dead():
    assert _reason(replace(_failing(99), target=100)) is None
    assert _reason(replace(_failing(100), target=100)) is Reason.ENDPOINT


def test_rate_limits_are_an_answer_however_many():
    assert _reason(_failing(500, Outcome.RATE_LIMITED)) is None


def test_an_endpoint_that_breaks_in_the_middle_is_given_up():
    assert _reason(_failing(100, Outcome.SERVER_ERROR, completed=50)) is Reason.ERRORS
