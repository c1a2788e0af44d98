"""`llmprobe sim`."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from llmprobe.cli.main import dispatch
from llmprobe.core.errors import LocalError, UsageError
from llmprobe.sim.presets import PRESETS


def test_the_list_names_every_preset_with_its_capacity(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["sim", "--list"]) == 0
    listed = capsys.readouterr().out
    for name, preset in PRESETS.items():
        line = next(line for line in listed.splitlines() if line.startswith(f"{name} "))
        assert preset.says in line
        assert ("any" if preset.capacity is None else f" {preset.capacity} ") in line
    assert "corpus mixed, max_tokens 256" in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "no simulated endpoint 'nope'; there is small-gpu"),
        (["--port", "70000"], "--port 70000 is not a port"),
        (["--speed", "0"], "--speed 0 must lie between"),
        (["--stall", "x"], "--stall: 'x' is not a share"),
        (["--fail-500", "60%", "--stall", "50%"], "add up to 110%"),
        (["--ttft", "1s"], "need the preset fixed"),
        (["fixed", "--itl", "soon"], "--itl: 'soon' is not a duration"),
        (["fixed", "--tokens", "0"], "--tokens must be at least 1"),
        (["--api-key-env", "SURELY_UNSET_KEY"], "$SURELY_UNSET_KEY is not set"),
    ],
)
def test_what_can_not_be_served_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        dispatch(["sim", *arguments])
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_port_in_use_is_a_local_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LocalError) as caught:
            dispatch(["sim", "--port", str(taken.getsockname()[1])])
    assert caught.value.exit_code == 6


def test_it_serves_what_it_prints_until_ctrl_c() -> None:
    command = [
        sys.executable,
        "-m",
        "llmprobe",
        "sim",
        "fixed",
        "--port",
        "0",
        "--fail-503",
        "100%",
        "--ttft",
        "1ms",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            first = process.stdout.readline()
            process.stdout.readline()
            paste = process.stdout.readline().split()
            url = paste[1]
            assert first.startswith(f"fixed at {url}")
            assert paste == ["llmprobe", url, "--model", "sim-fixed"]
            request = {"model": "sim-fixed", "messages": [{"role": "user", "content": "hi"}]}
            answer = httpx.post(f"{url}/chat/completions", json=request, trust_env=False)
            assert answer.status_code == 503
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == ""
