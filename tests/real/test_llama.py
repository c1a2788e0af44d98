"""Against the C++ llama.cpp server with a real model: what llmprobe says is what the server did."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from llmprobe.wire.local_servers import look_around

pytestmark = pytest.mark.real

_SERVER = Path(__file__).with_name("llama_server.py")
_CORPUS = "chat-short"


@contextmanager
def _server(slots: int) -> Iterator[str]:
    """The server's base URL while it runs."""
    command = [sys.executable, str(_SERVER), str(slots)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "the server did not start"
            yield f"{address}/v1"
        finally:
            process.stdin.close()
            process.wait(30)


@pytest.fixture
def llama() -> Iterator[Callable[[int], str]]:
    with ExitStack() as stack:
        yield lambda slots: stack.enter_context(_server(slots))


def _tokens_generated(url: str) -> int:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(r"^llamacpp:tokens_predicted_total (\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def _run(folder: Path, scenario: str, *options: str) -> dict:
    file = folder / "scenario.toml"
    file.write_text(scenario)
    command = [
        sys.executable,
        "-m",
        "llmprobe",
        "run",
        str(file),
        "--out",
        str(folder / "run"),
        "--json",
        "-",
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result: dict = json.loads(done.stdout)
    return result


def _scenario(url: str, stages: str, *, max_tokens: int, corpus: str = _CORPUS, cache: str = "cold") -> str:
    return f"""
format = 1
name = "llama"
seed = 7
slo = ["errors < 1%"]
[endpoint]
url = "{url}"
body = {{ ignore_eos = true }}
[prompts]
corpus = "{corpus}"
cache = "{cache}"
max_tokens = {max_tokens}
[load]
stages = [ {stages} ]
"""


def _hi(folder: Path) -> Path:
    """A corpus of one short prompt."""
    corpus = folder / "hi.jsonl"
    corpus.write_text('{"id": "hi", "messages": [{"role": "user", "content": "Hi"}]}\n')
    return corpus


@pytest.mark.parametrize("slots", [2])
def test_one_user_more_than_slots_waits_and_every_token_is_counted(llama, tmp_path, slots):
    url, counted = llama(slots), 0
    fitting: dict = {}
    waiting: dict = {}
    longer = 0.0
    # A slow machine needs longer for the answers that a p95 rests on, and a busy one another moment.
    for hold_s in (30, 75, 300):
        stages = f'{{ to = {slots}, hold = "{hold_s}s" }}, {{ to = {slots + 1}, hold = "{hold_s}s" }}'
        (folder := tmp_path / f"{hold_s}").mkdir()
        # A prompt that takes next to no time: a first token is late for want of a slot alone.
        scenario = _scenario(url, stages, max_tokens=32, corpus=str(_hi(folder)), cache="warm")
        result = _run(folder, scenario)
        assert result["totals"]["failed"] == 0
        assert result["totals"]["token_source"] == "usage"
        counted += result["totals"]["output_tokens"]
        fitting, waiting = result["levels"]
        if fitting["ttft_s"]["p95"] and waiting["ttft_s"]["p95"]:
            longer = waiting["ttft_s"]["p95"] / fitting["ttft_s"]["p95"]
        if longer >= 3:
            break
    assert (fitting["users"], waiting["users"]) == (slots, slots + 1)
    assert longer >= 3, (fitting, waiting)
    assert counted == _tokens_generated(url)


@pytest.mark.minutes
@pytest.mark.parametrize("slots", [2, 4])
def test_the_search_finds_as_many_users_as_there_are_slots(llama, tmp_path, slots):
    """One user more waits for an answer of somebody else's to end: that is where a first token is late.

    All slots share one core: a first token takes up to 2 N times as long as one user's, and a wait longer. On
    a slow day the search may refuse, which is honest: it is asked again then.
    """
    url, corpus = llama(slots), _hi(tmp_path)
    tries = (_found(url, f"p95 ttft < {2.5 * slots:g}x idle", corpus, tmp_path / f"run{k}") for k in range(3))
    capacity: dict = next(found for found in tries if found["refused"] is None)
    assert capacity["users"] == slots, capacity["statement"]
    assert capacity["cause"] == "ttft"
    assert capacity["low"] <= slots + 1
    assert capacity["high"] >= slots


def _found(url: str, slo: str, corpus: Path, out: Path) -> dict:
    command = [
        sys.executable, "-m", "llmprobe", "find", url, "--slo", slo, "--corpus", str(corpus),
        "--cache", "warm", "--max-tokens", "20", "--body", '{"ignore_eos": true}',
        "--max-users", "16", "--out", str(out), "--json", "-",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    capacity: dict = json.loads(done.stdout)["capacity"]
    return capacity


def test_a_server_that_closes_after_each_stream_causes_no_false_error(llama, tmp_path):
    url = llama(2)
    result = _run(tmp_path, _scenario(url, '{ to = 2, hold = "5m" }', max_tokens=2), "--max-requests", "60")
    assert result["totals"]["outcomes"] == {"length": 60}
    assert result["verdict"]["exit_code"] == 0


@pytest.mark.parametrize(
    "spoken", ["openai-chat", "openai-completions", "openai-responses", "anthropic-messages"]
)
def test_every_dialect_that_it_speaks_is_read_without_a_false_error(llama, tmp_path, spoken):
    url = llama(2)
    scenario = _scenario(url, '{ to = 2, hold = "5m" }', max_tokens=8)
    result = _run(tmp_path, scenario, "--max-requests", "12", "--dialect", spoken)
    totals = result["totals"]
    assert (totals["completed"], totals["failed"], totals["token_source"]) == (12, 0, "usage")
    assert set(totals["outcomes"]) <= {"ok", "length"}
    assert totals["output_tokens"] == _tokens_generated(url) == 12 * 8


def test_its_dialect_is_guessed_where_even_the_version_is_forgotten(llama, tmp_path):
    url = llama(2).removesuffix("/v1")
    result = _run(tmp_path, _scenario(url, '{ to = 2, hold = "5m" }', max_tokens=2), "--max-requests", "4")
    assert result["totals"]["outcomes"] == {"length": 4}
    assert 'dialect = "openai-chat"' in (tmp_path / "run" / "scenario.toml").read_text()


def test_it_is_recognised_on_whatever_port_it_listens(llama: Callable[[int], str]) -> None:
    port = urlsplit(llama(1)).port
    assert port is not None
    (offer,) = look_around([port])
    assert offer.name == "llama.cpp"
    assert offer.place == f"answers on {port}"
    assert offer.serves
