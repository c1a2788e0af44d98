"""The limit of open files: raised as far as it goes, and what is said when it is not far enough."""

import resource
import subprocess
import sys

import pytest

from llmprobe.telemetry.open_files import SPARE, raise_open_files, too_many_users

_INFINITE = resource.RLIM_INFINITY


def test_a_process_raises_its_own_limit_to_the_hard_one():
    script = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))\n"
        "from llmprobe.telemetry.open_files import raise_open_files\n"
        "print(raise_open_files(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "300 (300, 300)"


class Kernel:
    """Grants up to `most` open files, whatever the hard limit says."""

    def __init__(self, soft: int, hard: int, most: int) -> None:
        self.limits = (soft, hard)
        self.most = most

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if limits[0] > self.most:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("kernel", "gives"),
    [
        (Kernel(256, 4096, 1 << 30), 4096),
        (Kernel(4096, 4096, 1 << 30), 4096),
        (Kernel(256, _INFINITE, 1 << 30), 1 << 20),
        (Kernel(256, _INFINITE, 10_240), 10_240),  # as macOS
        (Kernel(20_000, _INFINITE, 10_240), 20_000),  # never lower than it was
        (Kernel(256, 4096, 0), 256),  # a sandbox that forbids it
        (Kernel(_INFINITE, _INFINITE, 0), 1 << 20),
    ],
)
def test_the_limit_goes_as_far_as_the_kernel_allows_and_never_down(kernel, gives, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", kernel.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", kernel.setrlimit)
    assert raise_open_files() == gives


def test_users_that_fit_need_no_words():
    assert too_many_users(1000 - SPARE, 1000) is None
    assert too_many_users(2 * (1000 - SPARE), 1000, workers=2) is None


def test_users_beyond_the_limit_are_told_what_to_do():
    said = too_many_users(1000 - SPARE + 1, 1000)
    assert said is not None
    assert "937 users" in said
    assert "1,000 files" in said
    assert "--workers 2" in said
