"""Users kept in line with a target."""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.engine.crew import Crew


class Person:
    """As much of a virtual user as a crew sees."""

    def __init__(self) -> None:
        self.retiring = False
        self.in_flight = True
        self.state = "streaming"

    def cancel(self) -> None:
        self.retiring = True


def _crew(of: int = 1, residues: tuple[int, ...] = (0,)) -> tuple[Crew, list[int]]:
    hired: list[int] = []

    def hire(user_id: int) -> Person:
        hired.append(user_id)
        return Person()

    return Crew(of, residues, hire), hired  # type: ignore[arg-type]  # a person is enough of a user


def test_the_highest_retire_first_and_finish_what_they_have_begun():
    crew, _ = _crew()
    crew.set_target(4)
    crew.set_target(2)
    assert [user_id for user_id, user in crew.users.items() if user.retiring] == [2, 3]
    assert (crew.active, crew.draining, crew.in_flight) == (2, 2, 4)


def test_a_user_raised_again_while_it_drains_stays_and_is_not_doubled():
    crew, hired = _crew()
    crew.set_target(4)
    crew.set_target(1)
    crew.set_target(4)
    assert hired == [0, 1, 2, 3]
    assert crew.draining == 0


def test_a_user_that_was_raised_in_the_moment_it_left_comes_back():
    crew, hired = _crew()
    crew.set_target(2)
    crew.left(1)
    assert hired == [0, 1, 1]
    assert crew.active == 2


@given(st.integers(1, 5), st.lists(st.integers(0, 40), max_size=20))
def test_workers_together_run_exactly_the_target(workers, targets):
    crews = [_crew(workers, (worker,))[0] for worker in range(workers)]
    for target in targets:
        for crew in crews:
            crew.set_target(target)
        active = sorted(
            user_id for crew in crews for user_id, user in crew.users.items() if not user.retiring
        )
        assert active == list(range(target))
        assert sum(crew.share for crew in crews) == target
