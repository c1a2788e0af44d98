"""What holds of every dialect: it reads what it writes, keeps keys apart, and survives any bytes."""

import contextlib
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.outcome import Outcome
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint
from llmprobe.core.scrub import is_secret_header
from llmprobe.wire.dialects import DIALECTS
from llmprobe.wire.dialects.dialect import (
    Delta,
    Dialect,
    Failure,
    MalformedEventError,
    MalformedRequestError,
    Usage,
    WireRequest,
)
from llmprobe.wire.dialects.faults import error_message
from llmprobe.wire.framing import Event
from llmprobe.wire.reader import StreamReader

BASE = "http://127.0.0.1:8000/v1"
IDS: dict[str, Any] = {"reply_id": 'i"', "model": "m\n"}
CONVERSATION = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
)

every = pytest.mark.parametrize("spoken", DIALECTS.values(), ids=DIALECTS)


def encode(spoken: Dialect, *, nonce: str | None = None, key: str | None = None, **more: Any) -> WireRequest:
    draw = Draw(0, Prompt("p", CONVERSATION), nonce)
    return spoken.encode_request(Endpoint(BASE, **more), BASE, "my/model", draw, 8, key)


def read(spoken: Dialect, *reads: bytes, cut: bool = False) -> tuple[StreamReader, Outcome, str | None]:
    reader = StreamReader(spoken)
    for at_ns, data in enumerate(reads, start=1):
        reader.feed(data, at_ns, "loop")
    ending = reader.end(cut=cut)
    return reader, ending.outcome, ending.error


def stream(spoken: Dialect, texts: list[str], reason: str, usage: Usage) -> bytes:
    return b"".join(
        [
            spoken.encode_begin(usage, **IDS),
            *(spoken.encode_text(text, created_ns=7, **IDS) for text in texts),
            spoken.encode_end("".join(texts), reason, usage, **IDS),
        ]
    )


# A stream


@every
@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("stop", Outcome.OK), ("length", Outcome.LENGTH), ("content_filter", Outcome.CONTENT_FILTER)],
)
def test_a_stream_that_was_written_is_read(spoken: Dialect, reason: str, outcome: Outcome) -> None:
    written = stream(spoken, ["Hel", "lo", " \u2028\n", '"'], reason, Usage(3, 4))
    for reads in ([written], [bytes([byte]) for byte in written]):
        reader, ended, error = read(spoken, *reads)
        assert (ended, error) == (outcome, None)
        assert (reader.text, reader.text_chunks, reader.finish_reason) == ('Hello \u2028\n"', 4, reason)
        assert reader.usage is not None
        assert (reader.usage.input_tokens, reader.usage.output_tokens) == (3, 4)
        assert reader.done is spoken.ends


@every
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_is_written_and_read_back_with_its_time(spoken: Dialect, text: str) -> None:
    told = []

    class Heard:
        def sent(self, at_ns: int) -> None: ...
        def first_token(self, at_ns: int) -> None: ...
        def gap(self, seconds: float) -> None: ...
        def split_gap(self, seconds: float, tokens: int) -> None: ...
        def text(self, late_s: float | None) -> None:
            told.append(late_s)

    reader = StreamReader(spoken, Heard())
    reader.feed(spoken.encode_text(text, created_ns=1_000_000_000, **IDS), 1_500_000_000, "loop")
    assert (reader.text, told) == (text, [0.5])


@every
def test_a_stream_cut_before_its_end_is_truncated(spoken: Dialect) -> None:
    begun = spoken.encode_begin(Usage(3, 4), **IDS) + spoken.encode_text("Hel", created_ns=7, **IDS)
    assert read(spoken, begun, cut=True)[1] is Outcome.TRUNCATED
    assert read(spoken, begun)[1] is Outcome.TRUNCATED
    assert read(spoken, begun[:-3])[1] is Outcome.TRUNCATED


@every
def test_an_error_inside_a_stream_is_its_end(spoken: Dialect) -> None:
    begun = spoken.encode_begin(Usage(3, 4), **IDS) + spoken.encode_text("Hel", created_ns=7, **IDS)
    reader, outcome, error = read(
        spoken, begun + spoken.encode_error(Failure(500, "died", "server_error", 500))
    )
    assert (reader.text, outcome, error, reader.done) == ("Hel", Outcome.STREAM_ERROR, "died", True)
    limited = spoken.encode_error(
        Failure(429, "Rate limit reached", "rate_limit_error", "rate_limit_exceeded")
    )
    assert read(spoken, begun + limited)[1:] == (Outcome.RATE_LIMITED, "Rate limit reached")


@every
def test_something_else_than_a_stream_is_told(spoken: Dialect) -> None:
    assert read(spoken, b"<html>Hi</html>\n")[1] is Outcome.MALFORMED
    assert read(spoken, b"<html>Hi</html>")[1] is Outcome.MALFORMED
    reply = spoken.encode_reply("hi", "stop", Usage(3, 4), **IDS)
    # One line of JSON is a whole stream of lines.
    whole = Outcome.OK if spoken.framing == "ndjson" else Outcome.NOT_STREAMED
    assert read(spoken, reply)[1] is whole


@every
@given(
    data=st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
    )
    .map(json.dumps)
    .map(str.encode)
)
def test_any_bytes_are_a_delta_or_malformed(spoken: Dialect, data: bytes) -> None:
    with contextlib.suppress(MalformedEventError):
        assert isinstance(spoken.decode_event(Event(None, data)), Delta)


# A request


@every
def test_a_request_of_our_own_is_read_back(spoken: Dialect) -> None:
    request = encode(spoken, nonce="abc")
    asked = spoken.decode_request(urlsplit(request.url).path, request.body)
    assert (asked.model, asked.max_tokens, asked.stream, asked.include_usage) == ("my/model", 8, True, True)
    assert asked.prompt_text.startswith("[abc]\nBe brief.")
    assert (
        asked.prompt_text.index("Hi") < asked.prompt_text.index("Hello.") < asked.prompt_text.index("Go on.")
    )
    assert asked.prompt_text.count("[abc]") == 1


@every
def test_a_request_is_the_same_whenever_it_is_made_but_for_its_nonce(spoken: Dialect) -> None:
    assert encode(spoken).body == encode(spoken).body
    assert encode(spoken, nonce="a").body == encode(spoken, nonce="b").body.replace(b"[b]", b"[a]")


@every
def test_the_endpoints_body_and_headers_win(spoken: Dialect) -> None:
    name = next(iter(spoken.own_headers("k")))
    request = encode(spoken, key="k", body={"top_k": 1, "stream": None}, headers={name.upper(): "mine"})
    body = json.loads(request.body)
    assert body["top_k"] == 1
    assert "stream" not in body
    assert [value for key, value in request.headers.items() if key.lower() == name.lower()] == ["mine"]


@every
def test_a_key_is_sent_once_in_a_header_that_is_never_shown(spoken: Dialect) -> None:
    request = encode(spoken, key="Zq7-key")
    carriers = [name for name, value in request.headers.items() if "Zq7-key" in value]
    assert len(carriers) == 1
    assert is_secret_header(carriers[0])
    assert "Zq7-key" not in request.url
    assert b"Zq7-key" not in request.body
    assert not any(is_secret_header(name) for name in encode(spoken).headers)


@every
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages":3}', b"\xff"])
def test_a_request_that_makes_no_sense_is_refused(spoken: Dialect, body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        spoken.decode_request("/", body)


# The rest


@every
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_says_why(spoken: Dialect, status: int) -> None:
    body = spoken.encode_error_body(Failure(status, "so it is", "kind", "code"))
    assert error_message(status, body) == f"HTTP {status}: so it is"


@every
def test_models_that_were_listed_are_read(spoken: Dialect) -> None:
    assert spoken.decode_models(spoken.encode_models("m")) == ["m"]
    for body in (b"", b"{}", b"[]", b"<html>", b'{"data":3}', b"\xff"):
        assert spoken.decode_models(body) is None
