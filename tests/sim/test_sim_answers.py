"""Answers as bytes."""

import json
from typing import Any

import pytest

from llmprobe.sim.answers import Reply, Stream
from llmprobe.wire.dialects import DIALECTS, dialect
from llmprobe.wire.dialects.dialect import Usage


class Tape:
    """A connection that only remembers."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes, /) -> None:
        self.written.append(data)

    def answered(self) -> None:
        self.ended += "answered"

    def hang_up(self) -> None:
        self.ended += "hung up"


def find_stamp(value: Any) -> int | None:
    """`created_ns`, wherever a dialect puts it."""
    if isinstance(value, dict):
        return value.get("created_ns") or next(filter(None, map(find_stamp, value.values())), None)
    return None


@pytest.mark.parametrize("name", DIALECTS)
def test_a_token_is_the_bytes_of_the_dialect_whatever_the_text(name: str) -> None:
    spoken, tape = dialect(name), Tape()
    tokens = ["Hello", " 100%", ' "quoted" \\ \n', " café", " \u2028"]
    reply = Reply(
        dialect=spoken, id="r-1", model="m", tokens=tokens, finish_reason="stop", usage=Usage(1, 5),
        include_usage=True, keep_alive=True, headers={},
    )  # fmt: skip
    stream = Stream(reply, tape)
    assert all(stream.token() for _ in tokens)
    stream.finish()
    head, first, *rest, end = tape.written
    begin = spoken.encode_begin(Usage(1, 5), reply_id="r-1", model="m")
    texts = [first.removeprefix(b"%x\r\n%b\r\n" % (len(begin), begin) if begin else b""), *rest]
    for token, written in zip(tokens, texts, strict=True):
        size, _, chunk = written.partition(b"\r\n")
        event = chunk.removesuffix(b"\r\n")
        assert int(size, 16) == len(event)
        stamp = find_stamp(json.loads(event[event.index(b"{") :]))
        assert stamp is not None
        assert event == spoken.encode_text(token, created_ns=stamp, reply_id="r-1", model="m")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert spoken.encode_end("".join(tokens), "stop", Usage(1, 5), reply_id="r-1", model="m") in end
    assert end.endswith(b"0\r\n\r\n")
    assert tape.ended == "answered"
