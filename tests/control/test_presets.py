"""In virtual time: the default search finds what each documented preset is known to hold."""

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.core.slo import DEFAULT_SLOS
from llmprobe.core.tick import Goal
from llmprobe.sim.presets import PRESETS
from tests.bench.true_capacity import prompts
from tests.bench.virtual import Endpoint, Searched, VirtualEngine, search


@pytest.fixture(scope="module")
def asked():
    drawn = prompts(1)
    known: list[tuple[int, int | None]] = []

    def ask(k: int) -> tuple[int, int | None]:
        while len(known) <= k:
            one = next(drawn)
            known.append((one.prompt_tokens, one.max_tokens))
        return known[k]

    return ask


def found(name: str, asked) -> Searched:
    preset = PRESETS[name]
    engine = VirtualEngine(Endpoint(preset.machine, faults=preset.faults), seed=0, asked=asked)
    return search(STRATEGIES["knee"](Goal(DEFAULT_SLOS)), engine)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.capacity is not None])
def test_a_preset_is_found_within_a_tenth_or_one_user_of_what_it_holds(name: str, asked) -> None:
    truth = PRESETS[name].capacity
    assert truth is not None
    finding = found(name, asked).finding
    assert finding.refused is None
    assert finding.capacity == pytest.approx(truth, abs=max(1, 0.1 * truth))


def test_what_nothing_breaks_is_held_at_the_most(asked) -> None:
    finding = found("fixed", asked).finding
    assert (finding.capacity, finding.cause) == (256, "none")


def test_the_default_endpoint_is_found_while_people_watch(asked) -> None:
    assert found("small-gpu", asked).seconds < 90


def test_what_the_queue_tells_is_confirmed_before_anything_else_is_tried(asked) -> None:
    visits = found("small-gpu", asked).finding.visits
    full = next(k for k, visit in enumerate(visits) if visit.held is False)
    assert visits[full + 1].load == pytest.approx(PRESETS["small-gpu"].capacity, abs=1)
    assert visits[full + 1].to_s - visits[full + 1].from_s >= 30
