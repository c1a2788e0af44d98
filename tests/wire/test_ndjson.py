"""JSON objects, one a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.wire.framing import Event, EventOverflowError
from llmprobe.wire.ndjson import NdjsonParser


def parse(*reads: bytes) -> list[bytes]:
    parser = NdjsonParser()
    return [event.data for data in reads for event in parser.feed(data)]


def test_a_line_is_an_event() -> None:
    assert NdjsonParser().feed(b'{"a":1}\n') == [Event(None, b'{"a":1}')]
    assert parse(b'{"a":1}\n{"b":2}\n{"c"') == [b'{"a":1}', b'{"b":2}']


def test_lines_end_at_line_feeds_and_nowhere_else() -> None:
    text = '"a\u2028b\u0085c"'.encode()
    assert parse(text + b"\r\n") == [text + b"\r"]


def test_empty_lines_are_none() -> None:
    assert parse(b'\n\r\n{"a":1}\n \n') == [b'{"a":1}']


def test_the_last_line_may_lack_its_end() -> None:
    parser = NdjsonParser()
    assert parser.feed(b'{"a":1}\n{"b":2}') == [Event(None, b'{"a":1}')]
    assert parser.unfinished()
    assert parser.close() == [Event(None, b'{"b":2}')]
    assert parser.close() == []
    assert not parser.unfinished()


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    parser = NdjsonParser(max_event_bytes=100)
    parser.feed(b"x" * 100)
    with pytest.raises(EventOverflowError, match="longer than 100 bytes"):
        parser.feed(b"x")


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_where_reads_are_cut_makes_no_difference(reads: list[bytes]) -> None:
    whole = b"".join(reads)
    assert parse(*reads) == parse(whole) == [line for line in whole.split(b"\n")[:-1] if line.strip()]
