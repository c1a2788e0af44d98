"""A corpus of one's own, and sessions on the simulated endpoint."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from llmprobe.core.load import Load, Stage
from llmprobe.core.scenario import Endpoint, Prompts, Scenario
from llmprobe.session.opening import Options, open_session
from llmprobe.session.session import Session

FAST_SIM = "sim:small-gpu?speed=20"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Seven short prompts."""
    file = tmp_path / "seven.jsonl"
    prompts = [
        {"id": f"p{k}", "messages": [{"role": "user", "content": f"Count to {k}."}], "max_tokens": 20}
        for k in range(7)
    ]
    file.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    return file


@pytest.fixture
def scenario(corpus: Path) -> Scenario:
    """Four users, then eight."""
    return Scenario(
        endpoint=Endpoint(url=FAST_SIM),
        prompts=Prompts(corpus=str(corpus)),
        load=Load(stages=(Stage(4, hold_s=0.8), Stage(8, hold_s=0.8))),
    )


Opener = Callable[..., Awaitable[Session]]


@pytest.fixture
async def open_(tmp_path: Path) -> AsyncIterator[Opener]:
    """Open sessions that are closed when the test ends."""
    count = 0
    async with AsyncExitStack() as stack:

        async def opener(scenario: Scenario, **options: Any) -> Session:
            nonlocal count
            count += 1
            session = await open_session(scenario, Options(out=tmp_path / f"run{count}", **options))
            stack.push_async_callback(session.close)
            return session

        yield opener
