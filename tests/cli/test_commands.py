"""Commands as a person types them: what is printed where, and the exit code."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_SMOKE = Path(__file__).parents[1] / "scenarios" / "smoke.toml"
_ANSWERS = ("--slo", "errors < 1%")
"""An objective that is met on any machine."""


def _smoke(*options: str) -> list[str]:
    return ["run", str(_SMOKE), "--corpus", "./one.jsonl", *options]


def test_a_run_prints_its_verdict_and_leaves_a_whole_run_folder(llmprobe, calm):
    done = calm(*_smoke("--out", "run", *_ANSWERS))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASSED  smoke")
    folder = llmprobe.folder / "run"
    names = {path.name for path in folder.iterdir()}
    assert names == {"scenario.toml", "records.jsonl", "series.jsonl", "events.jsonl", "result.json"}
    result = json.loads((folder / "result.json").read_text())
    assert [level["users"] for level in result["levels"]] == [4, 8]
    assert result["totals"]["requests"] == len((folder / "records.jsonl").read_text().splitlines())


def test_json_takes_stdout_for_itself_and_report_says_the_same(llmprobe):
    done = llmprobe(*_smoke("--out", "run", "--json", "-", "--quiet"))
    again = llmprobe("report", "run", "--json", "-")
    assert json.loads(done.stdout) == json.loads(again.stdout)
    assert done.stderr == ""


def test_an_objective_that_fails_is_exit_code_1(calm):
    done = calm(*_smoke("--slo", "p95 ttft < 1ms"))
    assert done.returncode == 1
    assert "p95 ttft" in done.stdout


def test_too_little_data_is_no_verdict(calm):
    done = calm(*_smoke("--max-requests", "9"))
    assert done.returncode == 5
    assert "too few" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "nowhere.toml"], 2, "nowhere.toml"),
        (["run", str(_SMOKE), "http://127.0.0.1:9/v1"], 3, "refuses connections"),
        (["run", str(_SMOKE), "ftp://x"], 2, "is not an URL"),
        (["run", str(_SMOKE), "sim:nope"], 2, "there is small-gpu"),
        (["run", str(_SMOKE), "--corpus", "./nope.jsonl"], 2, "no corpus file"),
        (["run", str(_SMOKE), "--slo", "p95 ttft fast"], 2, "is not an objective"),
        (["run", str(_SMOKE), "--header", "nonsense"], 2, "is not a header"),
        (["run", str(_SMOKE), "https://example.invalid/v1", "--model", "m"], 2, "--yes to agree"),
        (["report", "."], 2, "is not a run folder"),
        (["--duration", "5 parsecs"], 2, "is not a duration"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_its_exit_code(llmprobe, arguments, code, says):
    done = llmprobe(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_was_asked_for_and_is_not_there_is_said_by_name(llmprobe):
    done = llmprobe(
        "run", str(_SMOKE), "http://127.0.0.1:9/v1", "--model", "m", "--api-key-env", "NO_SUCH_KEY"
    )
    assert done.returncode == 2
    assert "$NO_SUCH_KEY is not set" in done.stderr


def _start(llmprobe: Any, *options: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "llmprobe", *_smoke("--out", "run", "-u", "8", "-d", "60s", *options)],
        cwd=llmprobe.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    records = llmprobe.folder / "run" / "records.jsonl"
    deadline = time.monotonic() + 120
    while not records.exists() or records.read_bytes().count(b"\n") < 10:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_what_was_measured_is_there(llmprobe, number, code):
    process = _start(llmprobe)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == code
    assert out.startswith("STOPPED  smoke")
    result = json.loads((llmprobe.folder / "run" / "result.json").read_text())
    assert result["complete"] is False
    assert result["totals"]["completed"] >= 10


def test_an_impatient_second_signal_does_not_cost_the_result(llmprobe):
    process = _start(llmprobe)
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 130
    assert out.startswith("STOPPED  smoke")
    assert json.loads((llmprobe.folder / "run" / "result.json").read_text())["complete"] is False


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="/proc is Linux's")
def test_after_kill_9_no_process_is_left_and_the_run_can_be_read(llmprobe):
    process = _start(llmprobe, "--workers", "2")
    children = _children(process.pid)
    assert len(children) == 3
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 120
    while any(_alive(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done = llmprobe("report", "run", "--json", "-")
    result = json.loads(done.stdout)
    assert result["complete"] is False
    assert result["totals"]["completed"] >= 10
    assert set(result["totals"]["outcomes"]) <= {"ok", "length", "cancelled"}


def test_without_a_terminal_it_runs_four_users_in_sentences_and_prints_the_result(calm):
    done = calm("sim:small-gpu?speed=10", "--corpus", "./one.jsonl", "--duration", "3s", *_ANSWERS)
    assert done.returncode == 0, done.stderr
    assert "4 users for 3 s. Ctrl+C stops it and prints the result." in done.stderr
    assert done.stdout.startswith("PASSED  probe")
    assert "\x1b" not in done.stdout + done.stderr


def test_plain_follows_the_stages_of_a_scenario(calm):
    done = calm("--plain", str(_SMOKE), "--corpus", "./one.jsonl", *_ANSWERS)
    assert done.returncode == 0, done.stderr
    assert ": 8 users now." in done.stderr
    assert "all stages are done" in done.stdout


def test_a_model_that_nobody_chose_is_said(llmprobe):
    server = subprocess.Popen(
        [sys.executable, "-c", _TWO_MODELS], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        done = llmprobe(*_smoke("--duration", "500ms"), url)
    finally:
        server.kill()
        server.communicate()
    assert "model small, the first that the endpoint names; it also has large" in done.stderr


_TWO_MODELS = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Models(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"data": [{"id": "small"}, {"id": "large"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Models)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()
"""


def test_help_and_version_answer(llmprobe):
    assert "llmprobe COMMAND" in llmprobe("--help").stdout
    assert llmprobe("--version").stdout.startswith("llmprobe 0.")
    for command in ("run", "check", "report", "sim"):
        assert llmprobe(command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--workers", "0"), ("--users", "0"), ("--max-users", "0"), ("--max-requests", "0")]
)
def test_a_count_that_leaves_nothing_to_do_is_wrong_usage(llmprobe, option, value):
    done = llmprobe("--plain", "sim", option, value)
    assert done.returncode == 2
    assert "leaves nothing to do" in done.stderr


@pytest.mark.parametrize(
    "header", ["Authorization Bearer hidden-word", "X-A: hidden-word\r\nEvil: b", "X: ü hidden-word"]
)
def test_a_header_that_is_none_is_refused_and_not_repeated(llmprobe, header):
    done = llmprobe("--plain", "sim", "-H", header)
    assert done.returncode == 2
    assert "ASCII text on one line" in done.stderr
    assert "hidden-word" not in done.stderr


def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(llmprobe, monkeypatch):
    monkeypatch.setenv("A_KEY", "sk-\u043a\u043b\u044e\u0447-hidden")
    done = llmprobe("--plain", "http://127.0.0.1:1/v1", "-m", "m", "--api-key-env", "A_KEY")
    assert done.returncode == 2
    assert "$A_KEY can't be sent as a key" in done.stderr
    assert "hidden" not in done.stderr


def test_a_scenario_comes_from_standard_input(calm, monkeypatch):
    for command in (["check", "-"], ["run", "-", "--corpus", "./one.jsonl", *_ANSWERS]):
        monkeypatch.setattr(sys, "stdin", io.StringIO(_SMOKE.read_text()))
        said = calm(*command)
        assert said.returncode == 0, said.stderr
        assert "2 stages" in said.stdout or said.stdout.startswith("PASSED  smoke")


def test_what_is_wrong_with_standard_input_is_told_by_line(calm, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("format = 1\nnonsense = 2\n"))
    said = calm("run", "-")
    assert said.returncode == 2
    assert "stdin:2" in said.stderr
