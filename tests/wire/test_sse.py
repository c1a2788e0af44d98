"""The parser of server-sent events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.wire.framing import Event, EventOverflowError
from llmprobe.wire.sse import SseParser


def parse(*reads: bytes) -> list[Event]:
    parser = SseParser()
    return [event for data in reads for event in parser.feed(data)]


def datas(*reads: bytes) -> list[bytes]:
    return [event.data for event in parse(*reads)]


def test_one_event_in_one_read_is_one_event() -> None:
    assert parse(b'data: {"a":1}\n\n') == [Event(None, b'{"a":1}')]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_at_lf_cr_and_crlf(end: bytes) -> None:
    assert datas(end.join([b"data: a", b"", b"data: b", b"", b""])) == [b"a", b"b"]


def test_a_crlf_split_between_reads_is_one_line_end() -> None:
    assert datas(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\ndata: c\n\n") == [b"a\nb", b"c"]


def test_an_event_is_told_when_its_cr_came_without_waiting_for_an_lf() -> None:
    assert datas(b"data: a\r\r") == [b"a"]


def test_the_space_behind_the_colon_is_optional_and_only_one_is_dropped() -> None:
    assert datas(b"data:a\n\ndata:  b\n\n") == [b"a", b" b"]


def test_several_data_lines_are_joined_by_lf() -> None:
    assert datas(b"data: a\ndata\ndata: b\n\n") == [b"a\n\nb"]


def test_comments_ids_retries_and_unknown_fields_are_no_events() -> None:
    assert parse(b": ping\n\nid: 7\nretry: 3000\nwhat: ever\n\n") == []


def test_the_type_of_an_event_is_kept_and_forgotten_with_it() -> None:
    assert parse(b"event: error\ndata: a\n\ndata: b\n\n") == [Event("error", b"a"), Event(None, b"b")]


def test_a_type_without_data_is_no_event_and_names_none() -> None:
    assert parse(b"event: ping\n\ndata: a\n\n") == [Event(None, b"a")]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert datas(b"\xef", b"\xbb", b"\xbfdata: a\n\n") == [b"a"]
    assert datas(b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n") == [b"a"]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_what_unicode_calls_a_line_end_is_text(character: str) -> None:
    assert datas(f"data: a{character}b\n\n".encode()) == [f"a{character}b".encode()]


@pytest.mark.parametrize("rest", [b"data: a", b"data: a\n", b"event: x\n", b": pi"])
def test_the_end_tells_of_bytes_left_over(rest: bytes) -> None:
    parser = SseParser()
    parser.feed(b"data: b\n\n" + rest)
    assert parser.unfinished()


def test_the_end_of_a_whole_stream_leaves_nothing_over() -> None:
    parser = SseParser()
    parser.feed(b"data: b\n\n")
    assert not parser.unfinished()


@pytest.mark.parametrize("line", [b"data: aaaa", b"data: aaaa\n", b"aaaaaaaaaa"])
def test_an_event_without_end_is_refused(line: bytes) -> None:
    parser = SseParser(max_event_bytes=100)
    with pytest.raises(EventOverflowError, match="longer than 100 bytes"):
        parser.feed(line * 40)
    with pytest.raises(EventOverflowError):
        list(map(SseParser(max_event_bytes=100).feed, [line] * 40))


sse_text = st.lists(
    st.sampled_from(
        [
            b"data: ", b"data:", b"data", b"event: x", b":", b" ", b"{}", b"\n", b"\n\n", b"\r", b"\r\n",
            b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xff", b"id: 1",
        ]
    )
).map(b"".join)  # fmt: skip


@given(sse_text, st.lists(st.integers(0, 200)))
def test_how_the_bytes_are_split_changes_nothing(text: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    reads = [text[a:b] for a, b in pairwise(places)]
    assert parse(*reads) == parse(text)


@given(st.lists(st.binary()))
def test_any_bytes_are_read_without_error(reads: list[bytes]) -> None:
    parse(*reads)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_was_written_is_read(lines: list[str], end: str) -> None:
    written = "".join(f"data: {line}{end}" for line in lines) + end
    assert datas(written.encode()) == ["\n".join(lines).encode()]
