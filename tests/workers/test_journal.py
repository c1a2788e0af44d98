"""Records on disk."""

import os
from pathlib import Path

import msgspec
import pytest

from llmprobe.core.errors import LocalError
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.workers.journal import Journal


def _record(index: int) -> RequestRecord:
    return RequestRecord(
        index=index, prompt_id="p", user=0, level_id=0, users=1, started_s=0.0, e2e_s=1.0, outcome=Outcome.OK
    )


def _read(path):
    return [msgspec.json.decode(line, type=RequestRecord) for line in path.read_bytes().splitlines()]


def test_several_journals_share_one_file(tmp_path):
    path = tmp_path / "records.jsonl"
    first, second = Journal(path), Journal(path)
    first.append(_record(0))
    second.append(_record(1))
    first.append(_record(2))
    assert [record.index for record in _read(path)] == [0, 1, 2]
    first.close()
    second.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_is_said_in_a_sentence():
    journal = Journal(Path("/dev/full"))
    with pytest.raises(LocalError, match="No space left on device"):
        journal.append(_record(0))
    journal.close()


def test_after_a_torn_line_the_next_record_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    journal = Journal(path)
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole_write(fd, data[:10]))
    with pytest.raises(LocalError, match="no space left"):
        journal.append(_record(0))
    monkeypatch.setattr(os, "write", whole_write)
    journal.append(_record(1))
    lines = path.read_bytes().splitlines()
    assert len(lines) == 2
    assert msgspec.json.decode(lines[1], type=RequestRecord).index == 1
    journal.close()
