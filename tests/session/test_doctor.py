"""The doctor on real processes: what it finds out about this machine and about targets."""

import pytest

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.core.target import SimTarget
from llmprobe.session import doctor
from llmprobe.sim.process import launch

pytestmark = pytest.mark.anyio


class Examiner:
    """Examines with a small load for a short time, and keeps what it was told meanwhile."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def __call__(self, endpoint, agree=lambda _: None):
        return await doctor.examine(endpoint, users=5, say=self.said.append, agree=agree)


@pytest.fixture
def examine(monkeypatch):
    monkeypatch.setattr(doctor, "_STEPS", (2, 8))
    monkeypatch.setattr(doctor, "_WINDOW_S", 0.3)
    monkeypatch.setattr(doctor, "_ANSWER_S", 0.2)
    monkeypatch.setattr(doctor, "_TEST_TIMEOUTS", Timeouts())
    monkeypatch.setattr(doctor, "_BURST_WITHIN_S", 60.0)
    return Examiner()


async def test_alone_it_measures_on_the_simulated_endpoint(examine):
    found = await examine(None)
    assert found.target is None
    assert found.measured_on == "sim:fixed"
    assert found.stamp_error_us.n > 0
    assert found.stamp_error_us.p50 <= found.stamp_error_us.p99 <= found.stamp_error_us.max
    assert found.ttft_error_ms.users == 5
    assert found.ttft_error_ms.failed == 0
    assert found.ttft_error_ms.true_ms > 199
    assert found.cpu_us_per_token > 0
    assert found.max_tokens_per_s > 0
    assert found.cores >= 1
    assert examine.said[0] == "5 users start at once"


async def test_a_target_on_this_machine_that_tells_its_times_is_measured_on(examine):
    async with await launch(SimTarget("fixed", speed=2)) as simulator:
        found = await examine(Endpoint(url=simulator.url))
    assert found.measured_on == simulator.url
    assert found.target.answers
    assert found.target.created_ns
    assert found.target.models == ("sim-fixed",)
    assert found.target.test.outcome == "length"
    assert found.ttft_error_ms.true_ms > 99


async def test_a_target_that_is_not_there_is_a_finding_and_the_machine_is_measured_all_the_same(examine):
    found = await examine(Endpoint(url="http://127.0.0.1:9/v1", model="m"))
    assert not found.target.answers
    assert "refuses connections" in found.target.error
    assert "refuses connections" in found.advice[0]
    assert found.stamp_error_us.n > 0


async def test_an_endpoint_that_fails_does_not_answer(examine):
    async with await launch(SimTarget("fixed")) as simulator:
        found = await examine(Endpoint(url=simulator.url, model="another"))
    assert not found.target.answers
    assert found.target.test.outcome == "client_error"
    assert "does not exist" in found.target.error


async def test_nothing_leaves_this_machine_before_someone_agrees(examine):
    def refuse(statement: str | None) -> None:
        assert statement is not None
        assert "at most 1 requests" in statement
        raise UsageError("nothing was sent")

    with pytest.raises(UsageError, match="nothing was sent"):
        await examine(Endpoint(url="http://192.0.2.1/v1", dialect="openai-chat", model="m"), agree=refuse)
