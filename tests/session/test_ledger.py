"""Leases under caps."""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.engine import Lease
from llmprobe.session.ledger import Ledger


def test_without_caps_leases_follow_each_other():
    ledger = Ledger()
    assert [ledger.lease(0, 4), ledger.lease(1, 2), ledger.lease(0, 1)] == [
        Lease(0, 4), Lease(4, 6), Lease(6, 7),
    ]  # fmt: skip


def test_returned_indices_are_leased_again_before_new_ones():
    ledger = Ledger()
    ledger.lease(0, 8)
    ledger.give_back(((5, 8),))
    assert ledger.lease(1, 2) == Lease(5, 7)
    assert ledger.lease(1, 5) == Lease(7, 8)
    assert ledger.lease(1, 1) == Lease(8, 9)


def test_leases_shrink_to_one_near_the_cap_and_end_at_it():
    ledger = Ledger(max_requests=10)
    sizes = []
    while (lease := ledger.lease(0, 100, workers=2)) is not None:
        sizes.append(lease.last - lease.first)
    assert sum(sizes) == 10
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1
    assert ledger.capped is not None


def test_money_in_flight_counts_as_spent_until_the_real_cost_is_known():
    ledger = Ledger(max_usd=1.0, reserve_usd=0.4)
    assert ledger.lease(0, 10) == Lease(0, 1)
    assert ledger.lease(0, 10) == Lease(1, 2)
    assert ledger.lease(0, 10) is None
    ledger.finish(0, 0.05)
    assert ledger.lease(0, 10) == Lease(2, 3)


def test_what_a_dead_worker_held_counts_as_spent():
    ledger = Ledger(max_requests=6)
    ledger.lease(0, 2)
    ledger.lease(1, 2)
    ledger.lose(1)
    assert ledger.outstanding == 2
    total = 2
    while (lease := ledger.lease(0, 9)) is not None:
        total += lease.last - lease.first
    assert total + 2 <= 6


@given(st.integers(1, 60), st.integers(1, 5), st.lists(st.integers(0, 4), max_size=200), st.randoms())
def test_no_order_of_leases_ends_and_deaths_breaks_the_cap_or_hands_an_index_out_twice(
    cap, workers, steps, dice
):
    ledger = Ledger(max_requests=cap)
    held: dict[int, list[int]] = {worker: [] for worker in range(workers)}
    handed: list[int] = []
    for step in steps:
        worker = dice.randrange(workers)
        if step <= 1 and (lease := ledger.lease(worker, dice.randint(1, 20), workers=workers)):
            fresh = list(range(lease.first, lease.last))
            held[worker] += fresh
            handed += fresh
        elif step == 2 and held[worker]:
            ledger.finish(held[worker].pop(0), None)
        elif step == 3 and held[worker]:
            index = held[worker].pop()
            handed.remove(index)
            ledger.give_back(((index, index + 1),))
        elif step == 4:
            ledger.lose(worker)
            held[worker] = []
    assert len(handed) == len(set(handed))
    assert len(handed) <= cap
