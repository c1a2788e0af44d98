"""What all stays show together: which of them count, and for what."""

import pytest

from llmprobe.control.evidence import Evidence
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import parse_slos
from llmprobe.core.tick import Goal

SLOS = parse_slos(["p95 ttft < 1s"])


@pytest.fixture
def known(bench):
    """Stays at loads, judged as told: (load, seconds, held), of an endpoint with these TTFTs."""

    def after(ttft_s, *stays):
        endpoint, evidence = (
            bench(lambda load, index, at_s: (ttft_s(load, at_s), 0.02, Outcome.OK)),
            Evidence(Goal(SLOS)),
        )
        for load, seconds, held in stays:
            endpoint.move(load, over_s=4.0 if held is False and seconds < 4 else 0.0)
            for _ in range(2 * seconds):
                evidence.take(endpoint.tick())
            evidence.stays[-1].held = held
        evidence.fit()
        return evidence

    return after


def test_a_load_that_held_for_seconds_is_refuted_by_less_that_failed_for_longer(known):
    def filling(load, at_s):
        return 2.0 if at_s > 30 else 0.2

    one = known(filling, (4, 20, True), (20, 10, True), (12, 40, False))
    assert one.posterior.holds(20) < 0.05
    two = known(lambda load, at_s: 0.2, (4, 20, True), (20, 10, True))
    assert two.posterior.holds(19) > 0.5


def test_a_failure_is_overturned_by_the_same_load_held_far_longer(known):
    def rough(load, at_s):
        return 3.0 if 20 <= at_s < 30 else 0.2

    one = known(rough, (4, 20, True), (20, 3, False))
    assert one.failed() == [20]
    two = known(rough, (4, 20, True), (20, 3, False), (8, 10, True), (20, 30, True))
    assert two.failed() == []
    assert two.posterior.holds(20) > 0.5
    less = known(rough, (4, 20, True), (20, 3, False), (8, 10, True), (16, 30, True))
    assert less.failed() == [20]


def test_users_who_all_wait_while_more_come_are_no_evidence_that_the_load_holds(known):
    one = known(lambda load, at_s: 0.2 if load < 20 else 3.0, (8, 20, True), (40, 3, False))
    assert one.posterior.quantile(0.95) < 40


def test_a_candidate_is_less_than_what_failed_when_it_was_last_tried(known):
    one = known(lambda load, at_s: 0.2, (8, 20, True), (20, 5, False))
    assert one.candidate(0.9) <= 19
    two = known(lambda load, at_s: 0.2, (8, 20, True), (20, 5, False), (20, 30, True))
    assert two.candidate(0.9) >= 20


def test_a_load_has_turned_over_once_a_mean_answer_took_as_long(known):
    one = known(lambda load, at_s: 2.0, (1, 20, True), (8, 1, None))
    assert not one.turned_over(one.stays[-1])
    two = known(lambda load, at_s: 2.0, (1, 20, True), (8, 8, None))
    assert two.turned_over(two.stays[-1])
