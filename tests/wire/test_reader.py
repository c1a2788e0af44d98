"""One stream folded into figures; times are fed by hand."""

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import Failure, Usage
from llmprobe.wire.reader import KEPT_CHARACTERS, Ending, StreamReader

CHAT = dialect("openai-chat")
MS = 1_000_000
ROLE = CHAT.encode_begin(Usage(), reply_id="i", model="m")
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def finish(reason: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"%b"}]}\n\n' % reason.encode()


STOP = finish("stop")


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def sent(self, at_ns: int) -> None:
        self.told.append(("sent", at_ns))

    def first_token(self, at_ns: int) -> None:
        self.told.append(("first", at_ns))

    def text(self, late_s: float | None) -> None:
        self.told.append(("text",))

    def gap(self, seconds: float) -> None:
        self.told.append(("gap", round(seconds, 9), 1))

    def split_gap(self, seconds: float, tokens: int) -> None:
        self.told.append(("gap", round(seconds, 9), tokens))


def token(text: str = "a") -> bytes:
    return CHAT.encode_text(text, created_ns=1, reply_id="i", model="m")


def reasoning(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"reasoning_content":"%b"}}]}\n\n' % text.encode()


def usage(sent: int, made: int, choice: int | None = None) -> bytes:
    choices = "" if choice is None else f'{{"index":{choice},"delta":{{}}}}'
    counts = f'{{"prompt_tokens":{sent},"completion_tokens":{made}}}'
    return f'data: {{"choices":[{choices}],"usage":{counts}}}\n\n'.encode()


def read(*reads: tuple[int, bytes], gaps: bool = False, listener: Heard | None = None) -> StreamReader:
    """Feed each read at its millisecond."""
    reader = StreamReader(CHAT, listener, gaps=gaps)
    for at_ms, data in reads:
        reader.feed(data, at_ms * MS, "loop")
    return reader


def ending(*parts: bytes, cut: bool = False) -> Ending:
    return read((1, b"".join(parts))).end(cut=cut)


def test_the_first_token_is_the_first_text_not_a_role_nor_a_comment() -> None:
    reader = read((10, ROLE), (20, PING), (30, token()), (40, token()), (50, STOP + DONE))
    assert reader.first_token_ns == reader.first_output_ns == 30 * MS
    assert (reader.last_token_ns, reader.last_byte_ns) == (40 * MS, 50 * MS)


def test_the_first_output_comes_after_reasoning() -> None:
    reader = read((10, reasoning("hm")), (20, token()))
    assert (reader.first_token_ns, reader.first_output_ns) == (10 * MS, 20 * MS)


def test_without_text_there_are_no_times_of_tokens() -> None:
    reader = read((10, ROLE + STOP + DONE))
    assert (reader.first_token_ns, reader.first_output_ns, reader.last_token_ns) == (None, None, None)
    assert reader.end(cut=False) == Ending(Outcome.OK)


def test_gaps_lie_between_arrivals_of_text() -> None:
    reader = read((10, ROLE), (20, token()), (50, PING), (60, token()), (75, token()), (80, DONE), gaps=True)
    reader.end(cut=False)
    assert reader.gaps_s == [0.04, 0.015]
    assert reader.stamps == {"loop": 3}


def test_an_arrival_of_several_shares_its_gap_and_is_coalesced() -> None:
    reader = read((20, token()), (50, token() * 3), (60, token()), gaps=True)
    reader.end(cut=False)
    assert reader.gaps_s == pytest.approx([0.01, 0.01, 0.01, 0.01])
    assert reader.stamps == {"loop": 2, "coalesced": 3}


def test_feeds_of_one_time_are_one_arrival() -> None:
    reader = read((20, token()), (50, token()), (50, token()), gaps=True)
    reader.end(cut=False)
    assert reader.gaps_s == [0.015, 0.015]
    assert reader.stamps == {"loop": 1, "coalesced": 2}


def test_an_event_of_several_tokens_counts_as_so_many_gaps_and_owes_the_rest() -> None:
    reader = StreamReader(CHAT, gaps=True, tokens_per_chunk=2.5)
    for at_ms in (0, 25, 50, 75):
        reader.feed(token(), at_ms * 1_000_000, "kernel")
    reader.end(cut=True)
    # 2, 3 and 2 tokens: 7.5 in three events, half a one still owed.
    assert reader.gaps_s == pytest.approx([0.0125] * 2 + [0.025 / 3] * 3 + [0.0125] * 2)


def test_several_in_the_first_arrival_are_coalesced_and_have_no_gap() -> None:
    reader = read((20, token() * 2), gaps=True)
    reader.end(cut=False)
    assert (reader.gaps_s, reader.stamps) == ([], {"coalesced": 2})


def test_the_kind_of_stamp_is_kept() -> None:
    reader = StreamReader(CHAT)
    reader.feed(token(), 1, "kernel")
    reader.feed(token(), 2, "coalesced")
    reader.end(cut=False)
    assert reader.stamps == {"kernel": 1, "coalesced": 1}


def test_a_listener_hears_text_at_once_and_a_gap_when_its_arrival_is_whole() -> None:
    heard = Heard()
    reader = read((20, token()), (50, token() * 2), listener=heard)
    assert heard.told == [("first", 20 * MS), ("text",), ("text",), ("text",)]
    reader.end(cut=False)
    assert heard.told[4:] == [("gap", 0.03, 2)]


def test_ending_twice_counts_once() -> None:
    reader = read((20, token()), (50, token()), gaps=True)
    assert reader.end(cut=False) == reader.end(cut=False)
    assert (reader.gaps_s, reader.stamps) == ([0.03], {"loop": 2})


def test_the_text_is_all_that_was_said_up_to_now() -> None:
    reader = read((1, reasoning("hm. ")), (2, token("Hello")), (3, token(" you")))
    assert reader.text == "hm. Hello you"
    assert reader.tail(5) == "o you"


def test_of_a_long_text_the_end_is_kept() -> None:
    reader = StreamReader(CHAT)
    said = "".join(f"{number} " for number in range(5000))
    for at_ns, word in enumerate(said.split(" ")[:-1]):
        reader.feed(token(word + " "), at_ns, "loop")
        assert sum(map(len, reader._parts)) <= 2 * KEPT_CHARACTERS + 10
    assert reader.text == said[-KEPT_CHARACTERS:]
    assert reader.tail(20) == said[-20:]
    assert reader.text_chunks == 5000


def test_a_long_text_is_whole_when_asked_for() -> None:
    reader = StreamReader(CHAT, whole_text=True)
    reader.feed(token("x" * 10_000), 1, "loop")
    reader.feed(token("y"), 2, "loop")
    assert len(reader.text) == 10_001


@pytest.mark.parametrize(
    ("chunks", "counted"),
    [
        ([usage(5, 8)], Usage(5, 8)),
        ([usage(5, 1, 0), usage(5, 2, 0), usage(5, 3, 0)], Usage(5, 3)),
        ([usage(5, 1, 0), usage(5, 3)], Usage(5, 3)),
        ([usage(5, 0), usage(5, 3, 0)], Usage(5, 3)),
        ([usage(5, 3), usage(0, 0)], Usage(5, 3)),
        ([usage(5, 3, 0), usage(5, 4, 1)], Usage(5, 7)),
        ([usage(5, 3, 0), usage(5, 4, 1), usage(5, 9)], Usage(5, 9)),
        ([usage(0, 0)], None),
        ([], None),
    ],
)
def test_the_servers_last_word_on_usage_counts_and_choices_are_summed(
    chunks: list[bytes], counted: Usage | None
) -> None:
    assert read((1, b"".join(chunks))).usage == counted


@pytest.mark.parametrize("cut", [False, True])
def test_a_stream_with_reason_and_terminator_is_ok_even_if_cut_behind_them(cut: bool) -> None:
    assert ending(token(), STOP, DONE, cut=cut) == Ending(Outcome.OK)


def test_a_body_that_ends_after_the_reason_needs_no_terminator() -> None:
    assert ending(token(), STOP) == Ending(Outcome.OK)


@pytest.mark.parametrize("half", [b'data: {"choices":[],"usa', b"data: [DON", b"dat", b"event: x\n"])
@pytest.mark.parametrize("cut", [False, True])
def test_half_an_event_behind_the_reason_is_a_stream_that_broke_off(half: bytes, cut: bool) -> None:
    assert ending(token(), STOP, half, cut=cut).outcome is Outcome.TRUNCATED


def test_half_an_event_is_a_break_also_where_no_terminator_is_to_come() -> None:
    gemini = dialect("gemini")
    whole = gemini.encode_end("", "stop", None, reply_id="i", model="m")
    for rest, outcome in ((b"", Outcome.OK), (whole[:-9], Outcome.TRUNCATED)):
        reader = StreamReader(gemini)
        reader.feed(whole + rest, 1, "loop")
        assert reader.end(cut=True).outcome is outcome


@pytest.mark.parametrize("line_end", [b"", b"\n"])
def test_a_last_event_that_lacks_only_its_blank_line_counts(line_end: bytes) -> None:
    reader = read((1, token() + STOP + usage(7, 3) + DONE.rstrip() + line_end))
    assert reader.end(cut=False) == Ending(Outcome.OK)
    assert reader.done
    assert ending(token(), STOP, usage(7, 3).rstrip() + line_end) == Ending(Outcome.OK)


def test_half_an_event_behind_the_terminator_is_nothing() -> None:
    assert ending(token(), STOP, DONE, b"data: {") == Ending(Outcome.OK)


def test_a_connection_cut_after_the_reason_lacks_its_terminator() -> None:
    assert ending(token(), STOP, cut=True).outcome is Outcome.TRUNCATED


@pytest.mark.parametrize(
    ("parts", "cut", "why"),
    [
        ([token()], False, "the stream ended without a finish_reason"),
        ([token(), DONE], False, "the stream ended without a finish_reason"),
        ([token()], True, "the connection was cut in the middle of the stream"),
        ([token(), token()[:-5]], False, "the stream ended in the middle of an event"),
        ([PING], False, "the server sent an empty stream"),
        ([], False, "the server sent an empty stream"),
    ],
)
def test_a_stream_without_a_reason_is_truncated(parts: list[bytes], cut: bool, why: str) -> None:
    assert ending(*parts, cut=cut) == Ending(Outcome.TRUNCATED, why)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("stop", Outcome.OK),
        ("tool_calls", Outcome.OK),
        ("length", Outcome.LENGTH),
        ("max_tokens", Outcome.LENGTH),
        ("content_filter", Outcome.CONTENT_FILTER),
    ],
)
def test_the_reason_decides_how_a_whole_stream_ended(reason: str, outcome: Outcome) -> None:
    assert ending(token(), finish(reason), DONE).outcome is outcome


def test_an_error_in_the_stream_decides_whatever_follows() -> None:
    error = CHAT.encode_error(Failure(500, "overloaded", "server_error"))
    assert ending(token(), error, STOP, DONE) == Ending(Outcome.STREAM_ERROR, "overloaded")
    assert read((1, error)).done


def test_a_limit_inside_a_stream_is_a_rate_limit() -> None:
    error = CHAT.encode_error(Failure(429, "slow down", "rate_limit_error", 429))
    assert ending(error) == Ending(Outcome.RATE_LIMITED, "slow down")


def test_a_malformed_chunk_spoils_the_stream_and_its_tokens_still_count() -> None:
    reader = read((1, token() + b"data: {oops\n\n" + token() + STOP + DONE))
    assert reader.end(cut=False).outcome is Outcome.MALFORMED
    assert reader.text_chunks == 2


@pytest.mark.parametrize("body", [b'{"choices":[]}', b'\n {"a":\n1}\n', b"[]"])
def test_one_json_body_is_not_a_stream(body: bytes) -> None:
    assert ending(body).outcome is Outcome.NOT_STREAMED


@pytest.mark.parametrize(
    ("spoken", "body"),
    [
        ("openai-chat", b'{"error":{"message":"overloaded","type":"server_error"}}'),
        ("openai-chat", b'{\n  "error": "overloaded"\n}\n'),
        ("openai-chat", b'{"object":"error","message":"overloaded"}'),
        ("openai-completions", b'{"error":{"message":"overloaded"}}'),
        ("openai-responses", b'{"error":{"message":"overloaded"}}'),
        (
            "anthropic-messages",
            b'{"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}',
        ),
        ("gemini", b'{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'),
        ("ollama-chat", b'{"error":"overloaded"}'),
        ("azure", b'{"error":{"message":"overloaded"}}'),
    ],
)
def test_one_json_body_that_is_an_error_is_told_as_one(spoken: str, body: bytes) -> None:
    reader = StreamReader(dialect(spoken))
    reader.feed(body, 1, "loop")
    assert reader.end(cut=False) == Ending(Outcome.STREAM_ERROR, "overloaded")


def test_a_long_error_in_one_json_body_is_read_whole() -> None:
    message = "overloaded " * 300
    assert ending(b'{"error":{"message":"%b"}}' % message.encode()).error == message


def test_a_limit_in_one_json_body_is_a_rate_limit() -> None:
    said = ending(b'{"error":{"message":"slow down","code":429}}')
    assert said == Ending(Outcome.RATE_LIMITED, "slow down")


def test_one_json_body_that_names_no_error_is_no_error() -> None:
    assert ending(b'{"object":"chat.completion","choices":[],"error":null}').outcome is Outcome.NOT_STREAMED


def test_a_page_is_no_event_stream() -> None:
    assert ending(b"<html>\nhello</html>") == Ending(
        Outcome.MALFORMED, "the answer is no event stream: <html> hello</html>"
    )


def test_an_event_without_end_breaks_the_reader() -> None:
    reader = StreamReader(CHAT)
    for at_ns in range(1, 12):
        reader.feed(b"x" * 1_000_000, at_ns, "loop")
    assert reader.broken
    assert reader.end(cut=False).outcome is Outcome.MALFORMED


@pytest.mark.parametrize("count", [-5, 10**30])
def test_a_count_that_cannot_be_is_no_usage(count: int) -> None:
    reader = read((0, token() + usage(7, count)))
    assert reader.usage == Usage(7, None)
