"""Chat completions: asked, read, and answered."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.errors import UsageError
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import DIALECTS, dialect
from llmprobe.wire.dialects.dialect import (
    Asked,
    Delta,
    Failure,
    MalformedEventError,
    MalformedRequestError,
    StreamFault,
    Usage,
    WireRequest,
)
from llmprobe.wire.framing import Event
from llmprobe.wire.sse import SseParser

CHAT = DIALECTS["openai-chat"]
URL = "http://127.0.0.1:8000/v1"


def encode(
    messages: list[dict[str, Any]] | None = None,
    *,
    nonce: str | None = None,
    prompt_limit: int | None = None,
    max_tokens: int | None = 8,
    url: str = URL,
    api_key: str | None = None,
    **endpoint: Any,
) -> WireRequest:
    prompt = Prompt("p", tuple(messages or [{"role": "user", "content": "Hi"}]), (), prompt_limit)
    return CHAT.encode_request(
        Endpoint(url, **endpoint), url, "m", Draw(0, prompt, nonce), max_tokens, api_key
    )


def body_of(request: WireRequest) -> Any:
    return json.loads(request.body)


def decode(chunk: object, event: str | None = None) -> Delta:
    data = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()
    return CHAT.decode_event(Event(event, data))


def delta(**fields: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


# Asked


def test_a_request_asks_for_a_stream_with_usage() -> None:
    request = encode()
    assert (request.method, request.url) == ("POST", URL + "/chat/completions")
    assert body_of(request) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 8,
    }


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("http://h", "http://h/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("https://h/d/chat/completions?api-version=1", "https://h/d/chat/completions?api-version=1"),
        ("https://h/d?api-version=1", "https://h/d/chat/completions?api-version=1"),
    ],
)
def test_the_path_is_joined_once_and_a_query_stays_behind_it(url: str, address: str) -> None:
    assert encode(url=url).url == address


def test_a_prompts_own_limit_wins_and_none_sends_none() -> None:
    assert body_of(encode(prompt_limit=3))["max_tokens"] == 3
    assert "max_tokens" not in body_of(encode(max_tokens=None))


def test_the_endpoints_body_is_merged_last_and_null_takes_a_key_away() -> None:
    extra = {"stream_options": {"x": 1}, "max_tokens": None, "max_completion_tokens": 9, "a": {"b": {"c": 1}}}
    body = body_of(encode(body=extra))
    assert body["stream_options"] == {"include_usage": True, "x": 1}
    assert "max_tokens" not in body
    assert (body["max_completion_tokens"], body["a"]) == (9, {"b": {"c": 1}})


def test_a_key_goes_as_a_bearer_token_and_without_one_nothing_does() -> None:
    assert encode(api_key="k").headers["Authorization"] == "Bearer k"
    assert "Authorization" not in encode().headers


def test_the_endpoints_headers_replace_ours_whatever_their_case() -> None:
    headers = encode(api_key="k", headers={"authorization": "Basic x", "X-Team": "search"}).headers
    assert headers["authorization"] == "Basic x"
    assert "Authorization" not in headers
    assert headers["X-Team"] == "search"


def test_no_compression_is_asked_for() -> None:
    assert encode().headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("messages", "head"),
    [
        ([{"role": "user", "content": "Hi"}], "[abc]\nHi"),
        ([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}], "[abc]\nS"),
        ([{"role": "developer", "content": "D"}], "[abc]\nD"),
    ],
)
def test_a_nonce_stands_before_the_first_text(messages: list[dict[str, Any]], head: str) -> None:
    sent = body_of(encode(messages, nonce="abc"))["messages"]
    assert sent[0]["content"] == head
    assert sent[1:] == messages[1:]


def test_a_nonce_stands_before_all_parts_of_a_message() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    sent = body_of(encode([{"role": "user", "content": [image]}], nonce="abc"))["messages"]
    assert sent == [{"role": "user", "content": [{"type": "text", "text": "[abc]\n"}, image]}]


def test_a_nonce_passes_over_what_a_model_said() -> None:
    messages = [{"role": "assistant", "content": "A"}, {"role": "user", "content": "Hi"}]
    sent = body_of(encode(messages, nonce="abc"))["messages"]
    assert [message["content"] for message in sent] == ["A", "[abc]\nHi"]


def test_the_prompt_itself_is_left_as_it_was() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    encode(messages, nonce="abc")
    assert messages == [{"role": "user", "content": "Hi"}]


def test_an_unknown_dialect_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'x' is not a dialect; there is .*openai-chat"):
        dialect("x")


# Read


@pytest.mark.parametrize(
    "chunk",
    [
        delta(role="assistant", content=None),
        delta(role="assistant", content=""),
        delta(role="assistant"),
        {"choices": []},
        {"choices": None},
        {"choices": [{"index": 0, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [], "prompt_filter_results": []},
        {},
        b"",
        b" ",
    ],
)
def test_what_carries_no_text_is_nothing(chunk: object) -> None:
    assert decode(chunk) == Delta()


@pytest.mark.parametrize(
    ("chunk", "read"),
    [
        (delta(content="a"), Delta(text="a")),
        (delta(content=[{"type": "text", "text": "a"}, {"type": "x"}]), Delta(text="a")),
        (delta(refusal="no"), Delta(text="no")),
        (delta(reasoning_content="r"), Delta(reasoning="r")),
        (delta(reasoning="r"), Delta(reasoning="r")),
        (delta(content="", reasoning="r", reasoning_content=None), Delta(reasoning="r")),
        (delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]), Delta(tool_text="f")),
        (delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]), Delta(tool_text='{"a"')),
        (delta(tool_calls=[{"function": {"arguments": {"a": 1}}}, {}]), Delta(tool_text='{"a":1}')),
        (delta(function_call={"name": "f", "arguments": None}), Delta(tool_text="f")),
    ],
)
def test_text_is_read_wherever_it_stands(chunk: object, read: Delta) -> None:
    assert decode(chunk) == read


def test_the_text_of_several_choices_in_one_chunk_is_joined() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]}
    assert decode(chunk) == Delta(text="ab")


def test_a_finish_reason_is_read_beside_text() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "length"}]}
    assert decode(chunk) == Delta(text="a", finish_reason="length")


def test_usage_is_read_in_a_chunk_without_choices() -> None:
    usage = {
        "prompt_tokens": 28,
        "completion_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 23},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert decode({"choices": [], "usage": usage}) == Delta(usage=Usage(28, 16, 5, 23))


def test_usage_beside_a_choice_names_the_choice() -> None:
    chunk = delta(content="a") | {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    assert decode(chunk) == Delta(text="a", usage=Usage(1, 2), usage_choice=0)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}])
def test_usage_that_is_all_zero_is_none(usage: object) -> None:
    assert decode({"choices": [], "usage": usage}).usage is None


def test_the_terminator_is_told() -> None:
    assert decode(b"[DONE]") == Delta(done=True)


@pytest.mark.parametrize(
    ("chunk", "event", "fault"),
    [
        ({"error": "boom"}, None, StreamFault("boom")),
        ({"error": {"message": "boom", "code": 502}}, None, StreamFault("boom")),
        ({"error": {"code": "overloaded"}}, None, StreamFault("overloaded")),
        ({"object": "error", "message": "died", "code": 500}, None, StreamFault("died")),
        ({"message": "boom"}, "error", StreamFault("boom")),
        (b"plain words", "error", StreamFault("plain words")),
        ({"error": {"message": "slow down", "code": 429}}, None, StreamFault("slow down", rate_limited=True)),
        ({"error": {"message": "x", "code": "429"}}, None, StreamFault("x", rate_limited=True)),
        ({"error": {"message": "x", "type": "rate_limit_error"}}, None, StreamFault("x", rate_limited=True)),
        ({"error": "Rate limit exceeded"}, None, StreamFault("Rate limit exceeded", rate_limited=True)),
        ({"error": {}}, None, StreamFault("the server sent an error without a message")),
    ],
)
def test_an_error_inside_a_stream_is_a_fault(chunk: object, event: str | None, fault: StreamFault) -> None:
    assert decode(chunk, event).error == fault


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_a_reason_that_means_failure_is_a_fault(reason: str) -> None:
    read = decode({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": reason}]})
    assert read.error == StreamFault(f"the server ended the answer with finish_reason {reason!r}")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', "a?"),
        (b'{"choices":[{"delta":{"content":"a\xf0\x9f"}}]}', "a\ufffd"),
        ('{"choices":[{"delta":{"content":"a\u2028b"}}]}'.encode(), "a\u2028b"),
    ],
)
def test_half_a_character_is_replaced_and_spoils_nothing_else(data: bytes, text: str) -> None:
    assert decode(data).text == text


@pytest.mark.parametrize(
    "data", [b"{", b"nonsense", b"[1]", b"3", b'{"choices":3}', b"[" * 20000, b"\xff", b"NaN"]
)
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedEventError, match="not a chat completion chunk"):
        decode(data)


@given(
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_delta_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedEventError):
        decode(data)


# Answered


def test_a_request_of_our_own_is_read_back() -> None:
    assert CHAT.decode_request("", encode(nonce="n").body) == Asked(
        "m", "[n]\nHi", 8, stream=True, include_usage=True
    )


def test_another_clients_request_is_read_too() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": [{"type": "text", "text": "T"}]},
        ],
        "max_completion_tokens": 3,
    }
    asked = CHAT.decode_request("", msgspec.json.encode(body))
    assert asked == Asked("", "S\nT", 3, stream=False, include_usage=False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages":3}', b"\xff"])
def test_a_request_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        CHAT.decode_request("", body)


def read_back(written: bytes) -> list[Delta]:
    return [CHAT.decode_event(event) for event in SseParser().feed(written)]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_is_written_and_read_back(text: str) -> None:
    written = CHAT.encode_text(text, created_ns=7, reply_id='i"', model="m\n")
    assert read_back(written) == [Delta(text=text, created_ns=7)]
    chunk = json.loads(written.removeprefix(b"data: "))
    assert (chunk["created_ns"], chunk["id"], chunk["model"]) == (7, 'i"', "m\n")


def test_every_other_event_is_read_back() -> None:
    usage = Usage(3, 4, None, 2)
    assert read_back(CHAT.encode_begin(usage, reply_id="i", model="m")) == [Delta()]
    assert read_back(CHAT.encode_end("hi", "length", usage, reply_id="i", model="m")) == [
        Delta(finish_reason="length"),
        Delta(usage=usage),
        Delta(done=True),
    ]
    assert read_back(CHAT.encode_end("hi", "stop", None, reply_id="i", model="m")) == [
        Delta(finish_reason="stop"),
        Delta(done=True),
    ]
    assert read_back(CHAT.encode_error(Failure(429, "no", "rate_limit_error", 429))) == [
        Delta(error=StreamFault("no", rate_limited=True)),
        Delta(done=True),
    ]


def test_a_whole_reply_is_one_json_body() -> None:
    reply = json.loads(CHAT.encode_reply("hi", "stop", Usage(3, 4), reply_id="i", model="m"))
    assert reply["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ]
    assert reply["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_an_error_body_is_what_openai_sends() -> None:
    error = json.loads(CHAT.encode_error_body(Failure(400, "no", "k", "c")))
    assert error == {"error": {"message": "no", "type": "k", "param": None, "code": "c"}}
