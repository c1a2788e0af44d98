"""What this machine offers."""

import subprocess
import sys
from pathlib import Path

import pytest

from llmprobe.telemetry import machine
from llmprobe.telemetry.machine import look_at_machine


def test_what_is_told_of_this_machine_is_plausible():
    found = look_at_machine()
    assert found.open_files > 0
    assert found.cores >= 1
    assert found.clock_resolution_ns >= 1
    assert found.python == sys.version.split()[0]


@pytest.mark.parametrize(("text", "ports"), [("32768\t60999\n", 28_232), ("nonsense", None), ("1 2 3", None)])
def test_ports_are_counted_from_the_kernels_range(text, ports, tmp_path, monkeypatch):
    (tmp_path / "range").write_text(text)
    monkeypatch.setattr(machine, "_PORTS", tmp_path / "range")
    assert look_at_machine().ports == ports


def test_what_the_kernel_does_not_tell_is_unknown(monkeypatch):
    monkeypatch.setattr(machine, "_PORTS", Path("/nowhere"))
    monkeypatch.setattr(machine, "_CLOCK", Path("/nowhere"))
    monkeypatch.setattr(sys, "platform", "plan9")
    found = look_at_machine()
    assert found.ports is None
    assert found.clock_source is None


def test_macos_tells_its_ports_through_sysctl(monkeypatch):
    def sysctl(command, **_):
        assert command[2:] == ["net.inet.ip.portrange.first", "net.inet.ip.portrange.last"]
        return subprocess.CompletedProcess(command, 0, stdout="49152\n65535\n")

    monkeypatch.setattr(machine, "_PORTS", Path("/nowhere"))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", sysctl)
    assert look_at_machine().ports == 16_384


def test_a_mac_without_sysctl_has_unknown_ports(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(machine, "_PORTS", Path("/nowhere"))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", missing)
    assert look_at_machine().ports is None
