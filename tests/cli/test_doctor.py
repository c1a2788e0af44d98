"""`llmprobe doctor`: its text byte for byte, its JSON key by key, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from llmprobe.cli.doctor_text import render
from llmprobe.cli.main import dispatch
from llmprobe.core.errors import UsageError
from llmprobe.session import doctor
from llmprobe.session.diagnosis import Diagnosis, LoadPoint, StampError, Target, TestRequest, TtftError

_GOLDEN = Path(__file__).parent / "golden"
_SOUND = Diagnosis(
    llmprobe="0.1.0",
    measured_on="http://127.0.0.1:8000/v1",
    stamp_error_us=StampError(p50=4.41, p99=17.3, max=1180.2, n=60_512, tokens_per_s=20_148.4, kind="kernel"),
    ttft_error_ms=TtftError(users=1000, true_ms=201.32, mean=0.021, p99=0.054),
    cpu_us_per_token=24.71,
    loads=(LoadPoint(5_037.2, 0.181), LoadPoint(20_148.4, 0.498)),
    max_tokens_per_s=37_170,
    max_streams=1_858,
    max_streams_by="CPU",
    open_files=20_000,
    ports=28_232,
    cores=8,
    uvloop=True,
    clock_source="tsc",
    clock_resolution_ns=1,
    python="3.11.7",
    target=Target(
        "http://127.0.0.1:8000/v1",
        answers=True,
        dialect="openai-chat",
        models=("llama-3-8b", "evil\x1b[2J"),
        created_ns=True,
        test=TestRequest("length", 0.2004, 16, None),
    ),
)
_AMISS = replace(
    _SOUND,
    measured_on="sim:fixed",
    stamp_error_us=None,
    ttft_error_ms=TtftError(users=1000, true_ms=201.32, mean=0.021, p99=0.054, failed=12),
    cpu_us_per_token=None,
    loads=(),
    max_tokens_per_s=None,
    max_streams=None,
    max_streams_by=None,
    ports=None,
    uvloop=False,
    clock_source=None,
    target=Target(
        "https://llm.example/v1", answers=False, dialect="openai-chat", error="llm.example is unknown"
    ),
    advice=(
        "llm.example is unknown.",
        "Install uvloop (pip install 'llmprobe[fast]'): " + "it saves CPU. " * 6,
    ),
)


@pytest.mark.parametrize(("name", "found"), [("sound", _SOUND), ("amiss", _AMISS)])
def test_the_text_is_as_it_was(name, found):
    golden = _GOLDEN / f"doctor-{name}.text"
    assert render(found) + "\n" == golden.read_text()
    assert all(len(line) <= 80 for line in golden.read_text().splitlines())


def test_the_json_has_the_keys_that_were_promised():
    found = json.loads(msgspec.json.encode(_SOUND))
    assert next(iter(found)) == "format"
    assert found.keys() >= {
        "format", "stamp_error_us", "ttft_error_ms", "cpu_us_per_token", "max_tokens_per_s", "max_streams",
        "open_files", "ports", "cores", "uvloop", "target", "advice",
    }  # fmt: skip
    assert found["stamp_error_us"].keys() >= {"p50", "p99", "max", "n", "tokens_per_s", "kind"}
    assert found["ttft_error_ms"].keys() >= {"users", "true", "mean", "p99"}
    assert found["target"].keys() >= {"url", "answers", "dialect", "models"}


@pytest.fixture
def quick(monkeypatch):
    """A small load for a short time."""
    monkeypatch.setattr(doctor, "_STEPS", (2, 8))
    monkeypatch.setattr(doctor, "_WINDOW_S", 0.3)
    monkeypatch.setattr(doctor, "_ANSWER_S", 0.2)
    monkeypatch.setattr(doctor, "_BURST_WITHIN_S", 60.0)


def test_json_alone_goes_to_stdout_and_what_it_does_to_stderr(quick, capsys):
    assert dispatch(["doctor", "--json", "--users", "4"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["ttft_error_ms"]["users"] == 4
    assert err.splitlines()[0] == "… 4 users start at once"


def test_a_target_that_does_not_answer_is_exit_code_3(quick, capsys):
    assert dispatch(["doctor", "http://127.0.0.1:9/v1", "--users", "2", "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert "refuses connections" in out
    assert err == ""


@pytest.mark.parametrize(("users", "says"), [("none", "is not a count"), ("0", "at least 1")])
def test_a_wrong_number_of_users_is_wrong_usage(users, says):
    with pytest.raises(UsageError, match=says):
        dispatch(["doctor", "--users", users])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="/proc is Linux's")
def test_an_interrupt_ends_it_and_leaves_no_process():
    process = subprocess.Popen(
        [sys.executable, "-m", "llmprobe", "doctor"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "users start at once" in process.stderr.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(pids := children.read_text().split()) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
