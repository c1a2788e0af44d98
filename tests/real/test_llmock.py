"""Against llmock, a limiter of requests a minute with the headers of OpenAI: read right, and obeyed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.report.files import read_run
from llmprobe.wire.dialects import dialect
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.transport import ssl_context, user_transport

pytestmark = pytest.mark.real

_READY_WITHIN_S = 60.0
_KEY = "sk-1234"


@contextmanager
def _server(rpm: int) -> Iterator[str]:
    """The server's base URL while it runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("llmock")), "serve", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--rpm", str(rpm), "--log-level", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            by = time.monotonic() + _READY_WITHIN_S
            while not _answers(port):
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < by, "the server did not start"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def llmock() -> Iterator[Callable[[int], str]]:
    with ExitStack() as stack:
        yield lambda rpm: stack.enter_context(_server(rpm))


@pytest.mark.anyio
async def test_limits_are_read_from_every_answer_and_the_wait_from_a_refusal(llmock) -> None:
    endpoint, chat = Endpoint(llmock(3)), dialect("openai-chat")
    draw = Draw(0, Prompt("p", ({"role": "user", "content": "Hi"},)), None)
    transport = user_transport(endpoint, endpoint.url, ssl_context(endpoint))
    asked = chat.encode_request(endpoint, endpoint.url, "gpt-4o", draw, 8, _KEY)
    replies = [await exchange(transport, Flight(asked, chat, Timeouts())) for _ in range(4)]
    await transport.aclose()
    *good, refused = replies
    assert all(reply.outcome.completed for reply in good)
    assert [reply.rate_limit.requests.remaining for reply in replies] == [2, 1, 0, 0]
    assert {reply.rate_limit.requests.limit for reply in replies} == {3}
    assert (refused.outcome, refused.status) == (Outcome.RATE_LIMITED, 429)
    assert refused.retry_after_s is not None
    assert 0 < refused.retry_after_s <= 20
    assert refused.rate_limit.requests.reset_s is not None
    assert refused.rate_limit.requests.reset_s > refused.retry_after_s


def test_a_user_that_is_refused_comes_back_when_it_was_told_to_and_the_run_says_so(
    llmock, tmp_path: Path
) -> None:
    scenario = tmp_path / "limited.toml"
    scenario.write_text(
        f'format = 1\n[endpoint]\nurl = "{llmock(60)}"\nmodel = "gpt-4o"\napi_key_env = "LLMOCK_KEY"\n'
        '[prompts]\ncorpus = "chat-short"\nmax_tokens = 8\n[load]\nstages = [{ to = 2, hold = "6s" }]\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "llmprobe", "run", str(scenario), "--out", str(tmp_path / "run")],
        env=os.environ | {"LLMOCK_KEY": _KEY},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    records = sorted(read_run(tmp_path / "run").records, key=lambda record: record.started_s)
    refused = 0
    for user in (0, 1):
        for one, following in pairwise(record for record in records if record.user == user):
            if one.outcome is Outcome.RATE_LIMITED:
                assert one.retry_after_s is not None
                assert following.started_s - one.ended_s >= one.retry_after_s
                refused += 1
    assert refused > 2
    assert "of users' time was spent backing off after 429s." in done.stdout


def test_its_limit_is_mapped(llmock, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "llmprobe", "limits", llmock(60), "-m", "gpt-4o",
            "--api-key-env", "LLMOCK_KEY", "--out", str(tmp_path / "run"),
        ],
        env=os.environ | {"LLMOCK_KEY": _KEY},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "The limit is 60 requests a minute" in said
    assert "told by headers" in said
