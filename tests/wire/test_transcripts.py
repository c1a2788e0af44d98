"""What real servers sent, read whole, split at every byte, and over a socket."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import Usage
from llmprobe.wire.reader import StreamReader

Serve = Callable[..., Awaitable[str]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Replay = Callable[[bytes], Awaitable[str]]
Ask = Callable[..., Awaitable[Any]]
Transcripts = Callable[[str], Any]

LLAMA = "Once upon a time there was a llama that streamed tokens over a very long wire."
MOCK = "gpt-4o mock reply: I saw 'Tell me a story'."
GEMMA = "<|im_end|>\n<|im_start|>\n<|"
EMOJI = "a\U0001f469\u200d\U0001f680\U00013000b\u65e5\u672c\u8a9e\U0001d54fz"
TINY = " {: numb (af selfapprough<<"

# name, outcome, text chunks, usage, how its text begins (without: no text)
CHATS = [
    ("aimock_azure_stream.http", "ok", 13, Usage(3, 20), LLAMA),
    ("aimock_chat_stream.http", "ok", 13, None, LLAMA),
    ("aimock_chat_stream_usage.http", "ok", 13, Usage(3, 20), LLAMA),
    (
        "aimock_reasoning_stream.http",
        "ok",
        9,
        Usage(2, 4),
        "Two plus two makes four, surely.The answer is 4.",
    ),
    ("aimock_toolcall_stream.http", "ok", 6, Usage(2, 9), 'get_weather{"city":"Paris","days":3}'),
    ("docs_azure_prompt_filter_first.sse", "content_filter", 1, None, "many tokens arrive at once"),
    ("docs_multiline_data_bom_cr.sse", "truncated", 1, None, "two data lines = one event"),
    ("docs_openrouter_comments_and_error.sse", "stream_error", 1, None, "Hel"),
    ("docs_tgi_2.0.4_nospace_nodone.sse", "length", 2, None, "Here it"),
    ("docs_vllm_error_object_in_200.sse", "stream_error", 0, None, ""),
    ("llamacpp_chat_logprobs.http", "length", 4, None, "<|im_"),
    ("llamacpp_chat_nostream.http", "not_streamed", 0, None, ""),
    ("llamacpp_chat_stream.http", "length", 16, None, GEMMA),
    ("llamacpp_chat_stream_usage.http", "length", 16, Usage(28, 16, None, 23), GEMMA),
    ("llamacpp_reasoning_stream.http", "ok", 14, Usage(24, 31, None, 0), "The user says hi.\nHello there."),
    (
        "llamacpp_toolcall_stream.http",
        "length",
        54,
        Usage(174, 64, None, 0),
        "<|im_end|>\n<|im_start|>\n<|im_end|>",
    ),
    ("llmock_chat_stream.http", "ok", 9, None, MOCK),
    ("llmock_chat_stream_usage.http", "ok", 9, Usage(3, 10), MOCK),
    ("llmock_fault_disconnect.http", "truncated", 2, None, "gpt-4o mock "),
    ("llmock_fault_malformed.http", "malformed", 8, None, "gpt-4o mock I saw"),
    ("llmock_fault_truncate.http", "truncated", 2, None, "gpt-4o mock "),
    ("llmock_groq_stream.http", "ok", 9, Usage(3, 10), MOCK),
    ("llmock_slow_first_token.http", "ok", 9, None, MOCK),
    ("llmock_toolcall_stream.http", "ok", 4, None, 'get_weather{"city": "mock-city", "days": 1}'),
    ("llmock_toolfault_stream.http", "ok", 2, None, 'get_weather{"city": "'),
    ("sse_starlette_crlf_ping.http", "ok", 3, None, "Hello CRLF world"),
    ("tfserve_chat_stream.http", "length", 8, Usage(14, 8), "bases hierarchy hierarchy"),
    ("tfserve_chat_stream_warm.http", "length", 8, Usage(14, 8), "bases hierarchy hierarchy"),
    ("vllm_chat_cut.http", "truncated", 12, None, " {:reversed (afanextapprough<<!=latedtot prevent"),
    ("vllm_chat_stream.http", "length", 8, None, TINY),
    ("vllm_chat_stream_usage.http", "length", 8, Usage(18, 8), TINY),
]
REFUSALS = [
    ("aimock_429.http", "rate_limited", 429, "Rate limited"),
    ("aimock_badjson.http", "client_error", 400, "Malformed JSON: Unexpected end of JSON input"),
    ("aimock_nomatch.http", "client_error", 404, "No fixture matched"),
    ("llamacpp_err_404.http", "client_error", 404, "File Not Found"),
    ("llamacpp_err_badjson.http", "client_error", 400, "[json.exception.parse_error.101]"),
    (
        "llamacpp_err_ctx.http",
        "client_error",
        400,
        "request (3024 tokens) exceeds the available context size",
    ),
    ("llamacpp_err_nomessages.http", "client_error", 400, "'messages' is required"),
    ("llmock_429_anthropic.http", "rate_limited", 429, "Rate limit exceeded."),
    ("llmock_429_rpm.http", "rate_limited", 429, "Rate limit reached for requests per minute: limit 3."),
    ("llmock_429_scripted.http", "rate_limited", 429, "Rate limit exceeded."),
    ("llmock_503.http", "server_error", 503, "Service unavailable."),
    ("llmock_529_anthropic.http", "server_error", 529, "Service overloaded."),
    ("llmock_err_ctx.http", "client_error", 400, "This model's maximum context length is 2000 tokens."),
    ("vllm_err_badjson.http", "client_error", 400, "1 validation error: {'type': 'json_invalid'"),
    ("vllm_err_badkey.http", "client_error", 401, "Unauthorized"),
    ("vllm_err_badmodel.http", "client_error", 404, "The model `nope` does not exist. Valid aliases: tiny."),
    ("vllm_err_ctx.http", "client_error", 400, "This model's maximum context length is 1024 tokens."),
    (
        "vllm_err_maxtok.http",
        "client_error",
        400,
        "max_tokens=99999 cannot be greater than max_model_len=1024.",
    ),
    ("vllm_toolcall_named.http", "client_error", 400, 'tool_choice=function "f" requires'),
]

# The same of the other dialects, which come first
OTHERS = [
    ("anthropic-messages", "aimock_messages_stream.http", "ok", 13, None, LLAMA),
    ("anthropic-messages", "aimock_messages_thinking.http", "ok", 9, None, "Two plus two makes four,"),
    ("anthropic-messages", "docs_anthropic_ping_error.sse", "stream_error", 1, Usage(25), "Hello"),
    (
        "anthropic-messages", "docs_anthropic_tool_use.sse", "ok", 4, Usage(1472, 89, None, 900),
        'Okayget_weather{"location": "San Francisco"}',
    ),
    (
        "anthropic-messages", "llamacpp_messages_stream.http", "length", 12, Usage(28, 12, None, 23),
        "<|im_end|>user",
    ),
    (
        "anthropic-messages", "llamacpp_toolcall_messages_stream.http", "length", 54,
        Usage(161, 64, None, 0), GEMMA,
    ),
    ("anthropic-messages", "llmock_anthropic_stream.http", "ok", 7, Usage(3, 13), "Hello! LLMock handled"),
    ("anthropic-messages", "vllm_messages_stream.http", "length", 7, Usage(14, 8), "\ufffdts Theyurpogener"),
    ("gemini", "aimock_gemini_stream.http", "ok", 13, None, LLAMA),
    ("gemini", "docs_gemini_blocked.sse", "content_filter", 0, Usage(9), ""),
    ("gemini", "docs_gemini_error.sse", "rate_limited", 1, None, "Hel"),
    (
        "gemini", "docs_gemini_thoughts_and_call.sse", "ok", 2, Usage(50, 35, 20, 32),
        '**Weather**\n\nI need the city.Let me look. get_weather{"city":"Paris"}',
    ),
    ("gemini", "llmock_gemini_stream.http", "ok", 5, Usage(1, 10), "LLMock says hello from gemini"),
    ("ollama-chat", "aimock_ollama_chat.http", "ok", 13, None, LLAMA),
    ("ollama-chat", "docs_ollama_cut.ndjson", "truncated", 1, None, "The"),
    ("ollama-chat", "docs_ollama_error.ndjson", "stream_error", 1, None, "The"),
    (
        "ollama-chat", "docs_ollama_thinking_and_call.ndjson", "ok", 4, Usage(169, 15),
        'Hm, Tokyo.Let me see.get_weather{"city":"Tokyo"}',
    ),
    ("openai-completions", "llamacpp_completions_cut.http", "truncated", 9, None, ", a man named Sam"),
    (
        "openai-completions", "llamacpp_completions_stream.http", "length", 16, Usage(5, 16, None, 1),
        ", there was a small town",
    ),
    ("openai-completions", "llamacpp_utf8_emoji_stream.http", "ok", 11, Usage(2, 32, None, 1), EMOJI),
    ("openai-completions", "vllm_completions_stream.http", "length", 8, Usage(2, 8), "arameter===="),
    ("openai-responses", "aimock_responses_stream.http", "ok", 13, None, LLAMA),
    ("openai-responses", "docs_responses_error.sse", "rate_limited", 0, None, ""),
    ("openai-responses", "docs_responses_failed.sse", "stream_error", 1, None, "Hel"),
    (
        "openai-responses", "docs_responses_tool_call.sse", "ok", 4, Usage(75, 32, 8, 64),
        'A city.get_weather{"location":"Paris"}',
    ),
    (
        "openai-responses", "llamacpp_responses_stream.http", "ok", 12, Usage(28, 12, None, 23),
        "The first time I ever did anything",
    ),
    ("openai-responses", "llmock_responses_stream.http", "ok", 9, Usage(3, 10, 0, 0), MOCK),
    (
        "openai-responses", "vllm_responses_stream.http", "length", 2, Usage(14, 6, 0, 0),
        "ditingould----AMEImplemented",
    ),
]  # fmt: skip
ALL = [*(("openai-chat", *row) for row in CHATS), *OTHERS]
BY = ("spoken", "name", "outcome", "chunks", "usage", "begins")

Figures = tuple[Outcome, str | None, int, Usage | None, str, str | None]


def read(spoken: str, reads: list[bytes], *, cut: bool) -> Figures:
    """What the reader makes of a body; each read has a time of its own."""
    reader = StreamReader(dialect(spoken))
    for at_ns, data in enumerate(reads, start=1):
        reader.feed(data, at_ns, "loop")
    ending = reader.end(cut=cut)
    return ending.outcome, ending.error, reader.text_chunks, reader.usage, reader.text, reader.finish_reason


@pytest.mark.parametrize(BY, ALL)
def test_a_recorded_stream_has_its_figures(
    spoken: str,
    name: str,
    outcome: str,
    chunks: int,
    usage: Usage | None,
    begins: str,
    transcript: Transcripts,
) -> None:
    recorded = transcript(name)
    figures = read(spoken, [recorded.body], cut=recorded.cut)
    assert figures[0] == outcome
    assert figures[2:4] == (chunks, usage)
    assert figures[4].startswith(begins)
    assert bool(figures[4]) == bool(begins)


@pytest.mark.parametrize(("spoken", "name"), [row[:2] for row in ALL])
def test_a_recorded_stream_split_at_any_byte_has_the_same_figures(
    spoken: str, name: str, transcript: Transcripts
) -> None:
    recorded = transcript(name)
    body = recorded.body
    whole = read(spoken, [body], cut=recorded.cut)
    assert read(spoken, [bytes([byte]) for byte in body], cut=recorded.cut) == whole
    # Two reads, cut at every byte; at every few in the longest, whose events all look alike.
    for at in range(1, len(body), 1 + len(body) // 6000):
        assert read(spoken, [body[:at], body[at:]], cut=recorded.cut) == whole
    for size in (2, 3, 7, 64, 1460):
        places = [*range(0, len(body), size), len(body)]
        assert read(spoken, [body[a:b] for a, b in pairwise(places)], cut=recorded.cut) == whole


@pytest.mark.anyio
@pytest.mark.parametrize(BY, ALL)
async def test_a_recorded_stream_comes_out_of_a_socket_alike(
    spoken: str, name: str, outcome: str, chunks: int, usage: Usage | None, begins: str,
    transcript: Transcripts, replay: Replay, ask: Ask,
) -> None:  # fmt: skip
    reply = await ask(await replay(transcript(name).raw), spoken=spoken)
    assert (reply.outcome, reply.status, reply.retries) == (outcome, 200, 0)
    assert sum(reply.stamps.values()) == chunks
    assert reply.text.startswith(begins)
    counted = usage.output_tokens if usage else None
    assert reply.output_tokens == (counted or chunks or None)
    assert reply.token_source == ("usage" if counted else "estimate" if chunks else None)
    assert (reply.ttft_s is not None) == (chunks > 0)
    assert reply.ack_s is not None
    assert 0 < reply.ack_s <= (reply.ttft_s or reply.e2e_s) <= reply.e2e_s


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "outcome", "status", "said"), REFUSALS)
async def test_a_recorded_refusal_says_why(
    name: str,
    outcome: str,
    status: int,
    said: str,
    transcript: Transcripts,
    replay: Replay,
    ask: Ask,
) -> None:
    reply = await ask(await replay(transcript(name).raw))
    assert (reply.outcome, reply.status) == (outcome, status)
    assert reply.error.startswith(f"HTTP {status}: {said}")
    assert (reply.ttft_s, reply.output_tokens, reply.token_source, reply.stamps) == (None, None, None, {})


def test_every_transcript_is_in_a_table(transcript_names: set[str]) -> None:
    elsewhere = {"llmock_429_rpm_anthropic.http"}  # read for its headers only
    assert transcript_names - elsewhere == {row[1] for row in ALL} | {row[0] for row in REFUSALS}


@pytest.fixture
def replay(serve: Serve, read_request: ReadRequest) -> Replay:
    """Answer one request with recorded bytes, then close."""

    async def start(raw: bytes) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(raw)
            await writer.drain()

        return await serve(answer)

    return start
