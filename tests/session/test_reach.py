"""What nobody said of an endpoint is found out, said, and kept for a replay."""

from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from llmprobe.core.errors import EndpointError, UsageError
from llmprobe.core.scenario import Endpoint
from llmprobe.core.target import SimTarget
from llmprobe.scenario.reader import load_scenario
from llmprobe.session.reach import Reached, reach
from llmprobe.sim.process import launch

pytestmark = pytest.mark.anyio


async def reached(endpoint: Endpoint, key: str | None = None) -> Reached:
    async with AsyncExitStack() as stack:
        return await reach(endpoint, key, stack)


async def test_dialect_model_and_a_forgotten_version_are_found_and_said() -> None:
    async with await launch(SimTarget("fixed")) as simulator:
        found = await reached(Endpoint(simulator.url.removesuffix("/v1")))
    assert found.endpoint == Endpoint(simulator.url, dialect="openai-chat", model="sim-fixed")
    assert (found.url, found.model) == (simulator.url, "sim-fixed")
    assert found.note == (
        "dialect openai-chat: it lists its models as OpenAI does; "
        f"requests go to {simulator.url}, where it answers"
    )


async def test_a_forgotten_version_is_found_where_the_dialect_is_named_too() -> None:
    async with await launch(SimTarget("fixed")) as simulator:
        found = await reached(Endpoint(simulator.url.removesuffix("/v1"), dialect="openai-responses"))
    assert found.endpoint.dialect == "openai-responses"
    assert found.note == f"requests go to {simulator.url}, where it answers"


async def test_where_all_is_said_nothing_is_asked_and_nothing_noted() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", dialect="ollama-chat", model="m")
    assert await reached(endpoint) == Reached(endpoint, endpoint.url, "m")


async def test_an_address_that_tells_is_not_asked_where_the_model_is_named() -> None:
    found = await reached(Endpoint("http://127.0.0.1:9/v1/messages", model="m"))
    assert found.endpoint.dialect == "anthropic-messages"
    assert found.note == "dialect anthropic-messages: the address has messages in it"


async def test_an_address_that_names_its_model_needs_no_other() -> None:
    url = "http://127.0.0.1:9/openai/deployments/gpt-4o/chat/completions"
    found = await reached(Endpoint(url))
    assert (found.endpoint.dialect, found.model) == ("azure", "gpt-4o")


async def test_an_endpoint_that_does_not_answer_is_left_to_the_run_where_the_model_is_named() -> None:
    found = await reached(Endpoint("http://127.0.0.1:9/v1", model="m"))
    assert found.endpoint.dialect == "openai-chat"
    assert found.note == "dialect openai-chat: it does not answer, and this is the usual one"


async def test_without_a_model_it_must_tell_one() -> None:
    with pytest.raises(EndpointError, match="refuses connections"):
        await reached(Endpoint("http://127.0.0.1:9/v1"))
    with pytest.raises(EndpointError, match="does not list its models; name one with --model"):
        await reached(Endpoint("https://127.0.0.1:9/openai/v1", dialect="azure"))


async def test_a_dialect_that_there_is_not_is_refused() -> None:
    for url in ("sim", "http://127.0.0.1:9/v1"):
        with pytest.raises(UsageError, match="'morse' is not a dialect"):
            await reached(Endpoint(url, dialect="morse", model="m"))


@pytest.mark.parametrize("spoken", [None, "anthropic-messages", "gemini", "ollama-chat", "azure"])
async def test_what_was_spoken_is_written_down_for_a_replay(scenario, open_, spoken) -> None:
    session = await open_(replace(scenario, endpoint=replace(scenario.endpoint, dialect=spoken)), timed=True)
    await session.start()
    await session.finished.wait()
    folder = session.recorder.folder
    result = await session.close()
    assert result.totals.requests > 0
    assert result.totals.failed == 0
    assert load_scenario(folder / "scenario.toml").endpoint.dialect == (spoken or "openai-chat")
