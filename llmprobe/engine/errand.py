"""One request of a virtual user, from its draw to its record on disk."""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx

from llmprobe.core.engine import Plan, TestReply
from llmprobe.core.errors import LocalError
from llmprobe.core.events import FirstToken, RequestFinished, RequestStarted, Row, UserState
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Draw
from llmprobe.core.scenario import Prices
from llmprobe.corpus.reader import load_corpus
from llmprobe.corpus.sampler import Sampler
from llmprobe.corpus.tokens import Tokenizer, tokenizer_for
from llmprobe.cost.prices import usd
from llmprobe.engine.clock import Clock
from llmprobe.engine.outbox import Outbox
from llmprobe.engine.pacer import Level
from llmprobe.metrics.worth import ChunkWorth
from llmprobe.wire.dialects import dialect
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight, Phase
from llmprobe.wire.reader import Listener
from llmprobe.wire.reply import Reply
from llmprobe.wire.reply import Tokenizer as TextTokenizer
from llmprobe.wire.transport import ssl_context, user_transport

_TAIL_CHARS = 160
_STATE_OF: dict[Phase, UserState] = {
    "connecting": "connecting",
    "waiting": "waiting",
    "streaming": "streaming",
    "ending": "streaming",
}


class Errands:
    """What all users of a worker share: the plan, the prompts, the key, where records and events go."""

    def __init__(
        self, plan: Plan, clock: Clock, outbox: Outbox, write: Callable[[RequestRecord], None]
    ) -> None:
        scenario = plan.scenario
        self.plan = plan
        self.clock = clock
        self.outbox = outbox
        self.log_text = False
        """Whether somebody reads what finished requests said."""
        self.level = Level(WARMUP_LEVEL, 0.0, 0.0, 0.0, 0.0)
        """The level in force; a request keeps the one it started at."""
        self.on_fault: Callable[[LocalError], None] = _unheard
        self._write = write
        self._worth = ChunkWorth()
        self._endpoint = scenario.endpoint
        self._dialect = dialect(scenario.endpoint.dialect)
        self._key = os.environ.get(plan.key_env, "").strip() or None if plan.key_env else None
        self._tls = ssl_context(scenario.endpoint)
        tokens = Tokenizer(tokenizer_for(plan.model))
        self._tokenizer = TextTokenizer(f"tokenizer:{tokens.name}", tokens.count)
        """Loads at the first answer without usage, not before: it takes a third of a second and 100 MB."""
        cold = scenario.prompts.cache == "cold"
        self._sampler = Sampler(
            load_corpus(Path(plan.corpus_file)), scenario.seed, plan.run_nonce if cold else None
        )

    def connect(self) -> httpx.AsyncBaseTransport:
        """A connection for one user; it opens with the first request."""
        return user_transport(self._endpoint, self.plan.url, self._tls)

    def begin(self, user: int, index: int, due_s: float | None) -> "Errand":
        """Prepare draw `index` for a user."""
        return Errand(self, user, self._sampler.draw(index, self.level.ask), due_s, self.level)

    def waited(self, since_s: float) -> None:
        """A request is sent now that was due then."""
        self.outbox.starts_s.append(self.clock.now_s() - since_s)

    def flight(self, draw: Draw, listener: Listener | None) -> Flight:
        """The request of a draw, not yet sent."""
        plan = self.plan
        request = self._dialect.encode_request(
            self._endpoint, plan.url, plan.model, draw, plan.scenario.prompts.max_tokens, self._key
        )
        return Flight(
            request, self._dialect, self._endpoint.timeouts, listener=listener,
            secrets=[self._key] if self._key else [], tokenizer=self._tokenizer,
            save_text=plan.save_text, gaps=plan.gaps, tokens_per_chunk=self._worth.tokens_in_chunk,
        )  # fmt: skip

    def file(self, record: RequestRecord, reply: Reply) -> None:
        """Put a record on disk, then tell of it."""
        self._worth.add(record)
        told = reply.text if self.log_text else None
        limits = None if reply.rate_limit.source is None else reply.rate_limit
        try:
            self._write(record)
        except LocalError as error:
            self.outbox.put(RequestFinished(record, told, unwritten=True, rate_limit=limits))
            self.on_fault(error)
        else:
            self.outbox.put(RequestFinished(record, told, rate_limit=limits))

    async def test(self) -> TestReply:
        """One request outside the run, over a connection of its own."""
        draw = self._sampler.draw(0)
        flight = self.flight(draw, None)
        connection = self.connect()
        try:
            reply = await exchange(connection, flight)
        finally:
            await connection.aclose()
        errand = Errand(self, 0, draw, None, self.level)
        record = errand.record_of(reply)
        body = flight.request.body.decode(errors="replace")
        return TestReply(flight.request.url, body, record, reply.text)


class Errand:
    """A request of one user."""

    def __init__(self, errands: Errands, user: int, draw: Draw, due_s: float | None, level: Level) -> None:
        self._errands = errands
        self._user = user
        self._draw = draw
        self._due_s = due_s
        self._level = level
        self._flight = errands.flight(draw, _Ear(errands, user, draw.index, level.level_id))

    @property
    def state(self) -> UserState:
        """As a screen names it."""
        return _STATE_OF[self._flight.phase]

    async def run(self, connection: httpx.AsyncBaseTransport) -> RequestRecord:
        """Send it and file its record, also when the task is cancelled."""
        errands = self._errands
        errands.outbox.put(
            RequestStarted(
                self._user, self._draw.index, self._level.level_id, errands.clock.now_s(),
                self._users(), self._draw.prompt.id,
            )
        )  # fmt: skip
        try:
            reply = await exchange(connection, self._flight)
        except anyio.get_cancelled_exc_class():
            reply = self._flight.cancelled()
            errands.file(self.record_of(reply), reply)
            raise
        record = self.record_of(reply)
        errands.file(record, reply)
        return record

    def cancel(self) -> None:
        """Break it off; `run` then files what it has seen."""
        self._flight.cancel()

    def row(self, *, whole: bool) -> Row:
        """What a screen shows of it now."""
        flight = self._flight
        reader = flight.reader
        first_ns = reader.first_token_ns
        return Row(
            user=self._user,
            state=self.state,
            index=self._draw.index,
            ttft_s=(first_ns - flight.start_ns) / 1e9 if first_ns is not None else None,
            text_chunks=reader.text_chunks,
            tail=reader.text if whole else reader.tail(_TAIL_CHARS),
        )

    def record_of(self, reply: Reply) -> RequestRecord:
        """The line of records.jsonl."""
        plan = self._errands.plan
        return RequestRecord(
            index=self._draw.index,
            prompt_id=self._draw.prompt.id,
            user=self._user,
            level_id=self._level.level_id,
            users=self._users(),
            started_s=self._errands.clock.at_s(reply.start_ns),
            scheduled_s=self._due_s,
            connect_s=reply.connect_s,
            ack_s=reply.ack_s,
            ttft_s=reply.ttft_s,
            ttfo_s=reply.ttfo_s,
            tpot_s=reply.tpot_s,
            e2e_s=reply.e2e_s,
            itl_s=reply.itl_s,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            reasoning_tokens=reply.reasoning_tokens,
            cached_tokens=reply.cached_tokens,
            token_source=reply.token_source,
            outcome=reply.outcome,
            status=reply.status,
            finish_reason=reply.finish_reason,
            request_id=reply.request_id,
            error=reply.error,
            retries=reply.retries,
            retry_after_s=reply.retry_after_s,
            stamps=dict(reply.stamps),
            usd=_usd(plan.scenario.prices, reply),
            text=reply.text if plan.save_text else None,
        )

    def _users(self) -> int:
        return int(self._level.target) if self._level.kind == "users" else 0


class _Ear:
    """Hears of a flight what the run wants to know; it is no errand, or each would hold the other."""

    __slots__ = ("_clock", "_index", "_level_id", "_outbox", "_sent_ns", "_user", "gap", "text")

    def __init__(self, errands: Errands, user: int, index: int, level_id: int) -> None:
        self._outbox = errands.outbox
        self._clock = errands.clock
        self._user = user
        self._index = index
        self._level_id = level_id
        self._sent_ns = 0
        # Once for every token: no call of Python's between the reader and the lists.
        self.text = errands.outbox.texts.append
        self.gap = errands.outbox.gaps_s.append

    def sent(self, at_ns: int) -> None:
        """Its bytes are on the way."""
        self._sent_ns = at_ns

    def first_token(self, at_ns: int) -> None:
        """The first text came."""
        ttft_s = (at_ns - self._sent_ns) / 1e9
        self._outbox.put(FirstToken(self._user, self._index, self._level_id, self._clock.at_s(at_ns), ttft_s))

    def split_gap(self, seconds: float, tokens: int) -> None:
        """So long since the arrival before, which ends in several tokens at once."""
        self._outbox.split_gaps.append((seconds, tokens))


def _usd(prices: Prices | None, reply: Reply) -> float | None:
    """What the reply cost; None where prices or its input tokens are unknown."""
    if prices is None or reply.input_tokens is None:
        return None
    return usd(prices, reply.input_tokens, reply.output_tokens or 0, reply.cached_tokens)


def _unheard(error: LocalError) -> None:
    """Nobody listens for faults yet."""
