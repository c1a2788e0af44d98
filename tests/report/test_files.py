"""What a run folder keeps, whole and torn."""

from pathlib import Path

import pytest

from llmprobe.core.errors import LocalError, UsageError
from llmprobe.report.files import EVENTS, RECORDS, SERIES, Noted, encode_line, read_run


def test_what_was_written_is_read_again(evening, folder):
    read = read_run(folder(evening))
    assert (read.records, read.lines, read.series) == (evening.records, evening.lines, evening.series)
    assert read.broken_lines == 0


def test_a_run_knows_how_it_began_what_changed_and_how_it_ended(evening, make):
    assert evening.began == make.BEGAN
    assert evening.ended == make.DONE
    assert evening.changes == (make.WARM_UP, make.LOW, make.HIGH, make.PAUSE)


@pytest.mark.parametrize("name", [EVENTS, RECORDS, SERIES])
def test_a_line_that_a_kill_tore_anywhere_costs_that_line_only(evening, folder, name):
    path = folder(evening) / name
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for kept in range(1, len(last) - 1):
        path.write_bytes(whole[: kept - len(last)])
        read = read_run(path.parent)
        assert read.broken_lines == 1
        assert len(read.records) + len(read.lines) + len(read.series) == (
            len(evening.records) + len(evening.lines) + len(evening.series) - 1
        )


def test_a_line_torn_inside_a_character_is_left_out(make, folder):
    torn = encode_line(make.record(text="naïve"))
    path = folder(make.run([make.record()], [make.BEGAN])) / RECORDS
    path.write_bytes(path.read_bytes() + torn.replace("ï".encode(), b"\xc3"))
    assert read_run(path.parent).broken_lines == 1


def test_what_follows_a_torn_line_is_read(make, folder):
    path = folder(make.run([make.record()], [make.BEGAN])) / RECORDS
    path.write_bytes(encode_line(make.record())[:50] + b"\n" + encode_line(make.record(index=1)))
    read = read_run(path.parent)
    assert [record.index for record in read.records] == [1]
    assert read.broken_lines == 1


def test_a_run_killed_before_its_first_answer_has_neither_records_nor_series(make, tmp_path):
    (tmp_path / EVENTS).write_bytes(encode_line(make.BEGAN) + encode_line(Noted(0.1, "a worker died")))
    read = read_run(tmp_path)
    assert (read.records, read.series, read.ended) == ((), (), None)


def test_text_with_line_ends_of_its_own_stays_in_its_line(make, folder):
    text = "one\r\ntwo\u2028three\x85four"
    assert read_run(folder(make.run([make.record(text=text)], [make.BEGAN]))).records[0].text == text


def test_a_folder_that_is_none_of_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is not a run folder"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match="is not a run folder"):
        read_run(Path("nowhere"))


def test_a_file_that_cannot_be_read_is_said(make, folder):
    path = folder(make.run([], [make.BEGAN])) / RECORDS
    path.unlink()
    path.mkdir()
    with pytest.raises(LocalError, match=r"can't read .*records\.jsonl"):
        read_run(path.parent)
