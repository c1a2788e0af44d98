"""The command line in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROMPT = '{"id": "a", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 20}\n'


class Command:
    """The command in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "one.jsonl").write_text(_PROMPT)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llmprobe", *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def llmprobe(tmp_path: Path) -> Command:
    """Run a command; stdout, stderr and exit code come back."""
    return Command(tmp_path)
