"""The command line in a folder of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmprobe.cli.main import main
from llmprobe.metrics.health import Health

_PROMPT = '{"id": "a", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 20}\n'


class Command:
    """The command in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "one.jsonl").write_text(_PROMPT)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llmprobe", *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=300,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def llmprobe(tmp_path: Path) -> Command:
    """Run a command; stdout, stderr and exit code come back."""
    return Command(tmp_path)


@pytest.fixture
def calm(
    llmprobe: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in this process, where the probe is never the bottleneck: here that would be the machine's."""
    monkeypatch.chdir(llmprobe.folder)
    monkeypatch.setattr(Health, "why", lambda _: None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(arguments, ended.value.code, out, err)

    return run
