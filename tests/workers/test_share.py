"""Which worker runs which user."""

import pytest

from llmprobe.workers.share import after_loss, first_shares


def _owners(shares, users):
    return [
        [worker for worker, share in shares.items() if user % share.of in share.residues]
        for user in range(users)
    ]


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_every_user_has_exactly_one_worker(workers):
    assert all(len(owners) == 1 for owners in _owners(first_shares(workers), 50))


def test_the_users_of_a_dead_worker_move_and_nobody_elses():
    before = _owners(first_shares(4), 40)
    shares = after_loss(first_shares(4), 2)
    after = _owners(shares, 40)
    assert all(len(owners) == 1 for owners in after)
    assert all(now == then for then, now in zip(before, after, strict=True) if then != [2])


def test_losses_one_after_another_keep_every_user_until_nobody_is_left():
    shares = first_shares(3)
    shares = after_loss(after_loss(shares, 0), 2)
    assert _owners(shares, 9) == [[1]] * 9
    assert after_loss(shares, 1) == {}
