"""The documented capacities are the true ones."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from llmprobe.core.errors import UsageError
from llmprobe.sim.model import Config
from llmprobe.sim.presets import PRESETS, preset

TESTS = Path(__file__).parents[1]
BENCH = TESTS / "bench" / "true_capacity.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The bench is a script for people, in no package."""
    spec = importlib.util.spec_from_file_location("true_capacity", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if isinstance(one.machine, Config)])
def test_a_documented_capacity_is_the_true_one_within_a_tenth(name: str, bench: ModuleType) -> None:
    documented = PRESETS[name].capacity
    assert documented is not None
    measured, _ = bench.true_capacity(PRESETS[name], requests=1500, seed=5)
    assert abs(measured - documented) <= documented / 10


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("small-gpu", "ttft"),
        ("big-gpu", "ttft"),
        ("rpm-limit", "errors"),
        ("tpm-limit", "errors"),
        ("concurrency-limit", "errors"),
        ("flaky", "errors"),
    ],
)
def test_one_step_above_its_capacity_a_preset_breaks_by_its_cause(
    name: str, cause: str, bench: ModuleType
) -> None:
    documented = PRESETS[name].capacity
    assert documented is not None
    above = documented + 1 + documented // 10
    assert bench.measure(PRESETS[name], above, requests=2000, seed=5).broken == (cause,)


def test_four_users_find_the_default_endpoint_lively(bench: ModuleType) -> None:
    level = bench.measure(PRESETS["small-gpu"], 4, requests=1000)
    assert 0.15 <= level.ttft_p50_s <= 0.3
    assert 1 / 50 <= level.tpot_p50_s <= 1 / 30
    assert 2 <= level.e2e_p50_s <= 6


def test_an_unknown_preset_is_told_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"small-gpu.*fixed"):
        preset("huge-gpu")


@pytest.mark.parametrize("name", PRESETS)
def test_the_readme_tells_the_same(name: str) -> None:
    one = PRESETS[name]
    capacity = "any" if one.capacity is None else one.capacity
    readme = (TESTS.parent / "README.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {capacity} | {one.cause} | {one.says} |\n" in readme
