"""Deadlines and figures of a request, on a hand-turned clock."""

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import Failure
from llmprobe.wire.flight import Flight
from llmprobe.wire.sink import Head

pytestmark = pytest.mark.anyio

CHAT = dialect("openai-chat")
URL = "http://127.0.0.1:8000/v1"
TOKEN = CHAT.encode_text("a", created_ns=1, reply_id="i", model="m")
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Hand:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def at(self, seconds: float) -> int:
        self.now_ns = round(seconds * 1e9)
        return self.now_ns


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def flight(hand: Hand) -> Flight:
    asked = CHAT.encode_request(Endpoint(URL), URL, "m", Draw(0, Prompt("p", ()), None), None, None)
    timeouts = Timeouts(connect_s=5, first_token_s=30, stall_s=10, total_s=60)
    return Flight(asked, CHAT, timeouts, gaps=True, clock=hand)


async def send(flight: Flight, hand: Hand) -> None:
    """Connected from 1 to 1.5 s, sent at 2 s, answered at 3 s."""
    hand.at(1)
    await flight.trace("connection.connect_tcp.started", {})
    hand.at(1.5)
    await flight.trace("connection.connect_tcp.complete", {})
    hand.at(2)
    await flight.trace("http11.send_request_headers.started", {})
    hand.at(3)
    await flight.trace("http11.receive_response_headers.complete", {})
    flight.answered(Head(200, []))


def due(flight: Flight) -> tuple[float, Outcome | None]:
    late = flight.overdue()
    return flight.deadline_ns / 1e9, late.outcome if late else None


async def test_each_phase_has_a_deadline_of_its_own(flight: Flight, hand: Hand) -> None:
    phases: list[str] = []
    flight.on_phase = lambda: phases.append(flight.phase)
    assert due(flight) == (5, Outcome.TIMEOUT_CONNECT)
    await send(flight, hand)
    assert due(flight) == (32, Outcome.TIMEOUT_FIRST_TOKEN)
    flight.feed(b": ping\n\n", hand.at(10), "loop")
    assert due(flight) == (32, Outcome.TIMEOUT_FIRST_TOKEN)
    flight.feed(TOKEN, hand.at(20), "loop")
    assert due(flight) == (30, Outcome.TIMEOUT_STALL)
    flight.feed(b": ping\n\n", hand.at(25), "loop")
    assert due(flight) == (30, Outcome.TIMEOUT_STALL)
    flight.feed(TOKEN, hand.at(55), "loop")
    assert due(flight) == (62, Outcome.TIMEOUT_TOTAL)
    flight.feed(STOP + DONE, hand.at(56), "loop")
    assert due(flight) == (57, None)
    assert phases == ["waiting", "streaming", "ending"]


async def test_every_figure_counts_from_the_moment_it_was_sent(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    flight.feed(TOKEN, hand.at(4), "loop")
    flight.feed(TOKEN, hand.at(4.5), "loop")
    flight.feed(TOKEN + STOP, hand.at(5), "loop")
    hand.at(9)
    reply = flight.reply(None)
    assert (reply.start_ns, reply.connect_s, reply.ack_s) == (2_000_000_000, 0.5, 1)
    assert (reply.ttft_s, reply.ttfo_s, reply.tpot_s, reply.e2e_s) == (2, 2, 0.5, 3)
    assert (reply.itl_s, reply.stamps) == ((0.5, 0.5), {"loop": 3})


async def test_a_failed_request_lasts_until_it_failed(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    flight.feed(TOKEN, hand.at(4), "loop")
    hand.at(9)
    assert flight.reply(None).e2e_s == 7


async def test_an_error_in_the_stream_ends_it_there(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    flight.feed(CHAT.encode_error(Failure(500, "boom", "x")), hand.at(4), "loop")
    hand.at(5)
    assert flight.reply(None).e2e_s == 2


async def test_a_request_that_begins_again_forgets_its_first_try(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    hand.at(7)
    flight.begin()
    assert due(flight) == (12, Outcome.TIMEOUT_CONNECT)
    assert (flight.start_ns, flight.phase) == (7_000_000_000, "connecting")


async def test_through_a_proxy_the_request_starts_when_it_is_sent_through(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)  # CONNECT
    hand.at(3.5)
    await flight.trace("connection.start_tls.complete", {})
    hand.at(4)
    await flight.trace("http11.send_request_headers.started", {})
    hand.at(5)
    await flight.trace("http11.receive_response_headers.complete", {})
    reply = flight.reply(None)
    assert (reply.connect_s, reply.start_ns, reply.ack_s) == (2.5, 4_000_000_000, 1)


async def test_a_transport_that_took_the_time_itself_is_believed(flight: Flight, hand: Hand) -> None:
    hand.at(2)
    await flight.trace("http11.send_request_headers.started", {"at_ns": 1_999_000_000})
    assert flight.start_ns == 1_999_000_000


@pytest.mark.parametrize(
    ("trace", "reused"),
    [
        ([], False),
        (["http11.send_request_headers.started"], True),
        (["connection.connect_tcp.started", "http11.send_request_headers.started"], False),
        (["http11.send_request_headers.started", "http11.receive_response_headers.complete"], False),
    ],
)
async def test_only_a_kept_connection_without_an_answer_is_worth_another_try(
    flight: Flight, trace: list[str], reused: bool
) -> None:
    for step in trace:
        await flight.trace(step, {})
    assert flight.on_reused_connection is reused


async def test_pings_behind_the_terminator_keep_nobody_waiting(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    flight.feed(TOKEN + STOP + DONE, hand.at(5), "loop")
    deadline_ns = flight.deadline_ns
    flight.feed(b": ping\n\n", hand.at(5.9), "loop")
    assert flight.deadline_ns == deadline_ns


async def test_the_rest_of_an_errors_body_is_not_waited_for(flight: Flight, hand: Hand) -> None:
    await send(flight, hand)
    flight.answered(Head(503, []), hand.at(4))
    flight.feed(b"bo", hand.at(4.1), "loop")
    assert flight.deadline_ns == round(4e9)
    assert flight.overdue() is None
    assert flight.reply(None).outcome is Outcome.SERVER_ERROR
