"""Finished requests, made by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord


@pytest.fixture
def record() -> Callable[..., RequestRecord]:
    """A record that is like any other but for what a test says of it."""

    def make(started_s: float = 0.0, e2e_s: float = 1.0, **fields: Any) -> RequestRecord:
        usual: dict[str, Any] = {
            "index": 0, "prompt_id": "p", "user": 0, "level_id": 0, "users": 1, "outcome": Outcome.OK,
            "ttft_s": 0.2, "tpot_s": 0.02, "input_tokens": 100, "output_tokens": 20, "token_source": "usage",
            "stamps": {"kernel": 10},
        }  # fmt: skip
        return RequestRecord(started_s=started_s, e2e_s=e2e_s, **{**usual, **fields})

    return make
