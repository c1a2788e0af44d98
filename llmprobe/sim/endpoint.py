"""The simulated endpoint in real time: one model, one timer, and the answers that its events drive."""

import asyncio
import math
import time
from collections.abc import Mapping

from msgspec import Struct

from llmprobe.core.seeding import mix
from llmprobe.core.target import SimTarget
from llmprobe.corpus.tokens import estimate_tokens
from llmprobe.sim.answers import Line, Reply, Stream, Whole
from llmprobe.sim.faults import AT_ONCE, Faults, Kind, Shares
from llmprobe.sim.fixed import Fixed, FixedModel
from llmprobe.sim.limit_headers import Style, limit_headers, style_named
from llmprobe.sim.limits import Refusal, Standing
from llmprobe.sim.model import Accepted, Config, Model, Rejected
from llmprobe.sim.presets import preset
from llmprobe.sim.prose import Prose
from llmprobe.sim.replica import Event
from llmprobe.wire.dialects.dialect import Asked, Dialect, Failure, Usage

_IDS = 4
"""The stream of draws that reply ids come from."""


class Service(Struct, frozen=True):
    """What is served."""

    machine: Config | Fixed
    model: str
    """The name that requests must ask for."""
    faults: Shares = Shares()
    seed: int = 0
    speed: float = 1.0
    api_key: str | None = None
    """None answers everyone."""
    limit_headers: Style = "openai"


def service_of(target: SimTarget, *, api_key: str | None = None) -> Service:
    """What a target names; raises `UsageError` on an unknown preset."""
    chosen = preset(target.preset)
    return Service(
        machine=chosen.machine, model=f"sim-{target.preset}", faults=chosen.faults,
        seed=target.seed, speed=target.speed, api_key=api_key,
        limit_headers=style_named(target.limit_headers),
    )  # fmt: skip


class Endpoint:
    """Answers what is asked when the model says so. Runs on the loop that makes it."""

    def __init__(self, service: Service) -> None:
        machine = service.machine.scaled(service.speed)
        self._model: Model | FixedModel = (
            Model(machine, service.seed, per_token=True)
            if isinstance(machine, Config)
            else FixedModel(machine)
        )
        self.service = service
        self._faults = Faults(service.faults, service.seed)
        self._prose = Prose(service.seed)
        self._ids = mix(service.seed, _IDS)
        self._asked = 0
        self._answers: dict[int, Stream | Whole] = {}
        self._loop = asyncio.get_running_loop()
        self._opened_s = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = math.inf
        self._tokens_made = 0

    def gauges(self) -> dict[str, tuple[str, int]]:
        """Kind and value of what `/metrics` shows, by name."""
        return {
            "tokens_predicted_total": ("counter", self._tokens_made),
            "requests_processing": ("gauge", self._model.running),
            "requests_deferred": ("gauge", self._model.waiting),
        }

    def ask(self, asked: Asked, dialect: Dialect, line: Line, *, keep_alive: bool) -> int | Failure:
        """Begin an answer on `line`; returns its number, to `forget` it by."""
        number = self._asked
        self._asked += 1
        fault = self._faults.of(number)
        if fault in AT_ONCE:
            return self._injected(fault)
        now_s = self._catch_up()
        sent = estimate_tokens(asked.prompt_text)
        answer = self._model.arrive(now_s, sent, asked.max_tokens)
        self._set_timer()
        if isinstance(answer, Rejected):
            return self._refused(answer)
        reply = self._reply(number, asked, dialect, answer, fault, sent, keep_alive=keep_alive)
        self._answers[answer.request_id] = (Stream if asked.stream else Whole)(reply, line)
        return answer.request_id

    def forget(self, request_id: int) -> None:
        """The client is gone: its slot is free."""
        if self._answers.pop(request_id, None) is not None:
            self._model.cancel(request_id)
            self._set_timer()

    def close(self) -> None:
        """Nothing is answered any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _reply(
        self,
        number: int,
        asked: Asked,
        dialect: Dialect,
        answer: Accepted,
        fault: Kind | None,
        prompt_tokens: int,
        *,
        keep_alive: bool,
    ) -> Reply:
        length, stops = answer.output_tokens, answer.finish_reason == "stop"
        reply_id = f"chatcmpl-{mix(self._ids, number):016x}"
        return Reply(
            dialect=dialect,
            id=reply_id,
            model=self.service.model,
            tokens=self._prose.reply(number, length, ends=stops),
            finish_reason=answer.finish_reason,
            usage=Usage(input_tokens=prompt_tokens, output_tokens=length),
            include_usage=asked.include_usage,
            keep_alive=keep_alive,
            headers={"X-Request-Id": reply_id} | self._limit_headers(answer.standings),
            fault=fault,
            breaks_after=0 if fault is None else self._faults.breaks_after(number, length),
        )

    def _limit_headers(
        self, standings: Mapping[str, Standing], wait_s: float | None = None
    ) -> dict[str, str]:
        return limit_headers(self.service.limit_headers, standings, wait_s, time.time())

    def _refused(self, rejected: Rejected) -> Failure:
        refusal, service = rejected.refusal, self.service
        silent = service.limit_headers == "none"
        return Failure(
            429,
            "Too many requests." if silent else _refusal_message(refusal, service.model),
            "rate_limit_error" if refusal.by == "concurrency" else refusal.by,
            "rate_limit_exceeded",
            self._limit_headers(rejected.standings, refusal.retry_after_s),
        )

    def _injected(self, fault: Kind) -> Failure:
        wait_s = 1 / self.service.speed
        match fault:
            case Kind.RATE_LIMITED:
                headers = self._limit_headers({"requests": Standing(600, 0, wait_s)}, wait_s)
                message = "Rate limit reached for requests. Please slow down."
                return Failure(429, message, "requests", "rate_limit_exceeded", headers)
            case Kind.UNAVAILABLE:
                return Failure(503, "The server is overloaded or not ready yet.", "ServiceUnavailable", 503)
            case _:
                return Failure(500, "Internal server error", "InternalServerError", 500)

    def _catch_up(self) -> float:
        """Bring the model up to now, and tell what happened."""
        now_s = self._loop.time() - self._opened_s
        self._tell(self._model.advance(now_s))
        return now_s

    def _tell(self, events: list[Event]) -> None:
        answers = self._answers
        for event in events:
            request_id = event.request_id
            if (answer := answers.get(request_id)) is None:
                continue
            if event.kind == "finish":
                del answers[request_id]
                answer.finish()
                continue
            self._tokens_made += 1
            if not answer.token():
                del answers[request_id]
                self._model.cancel(request_id)

    def _tick(self) -> None:
        self._timer_s = math.inf
        self._catch_up()
        self._set_timer()

    def _set_timer(self) -> None:
        """Come back at the model's next event; a timer that is too early does no harm."""
        next_s = self._model.next_at()
        if next_s < self._timer_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_s = next_s
            self._timer = self._loop.call_at(self._opened_s + next_s, self._tick)


_UNITS = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}


def _refusal_message(refusal: Refusal, model: str) -> str:
    if refusal.by == "concurrency":
        return f"Too many concurrent requests for model `{model}`: at most {refusal.limit} may be in flight."
    assert refusal.retry_after_s is not None
    return (
        f"Rate limit reached for model `{model}` on {_UNITS[refusal.by]}: Limit {refusal.limit}, "
        f"Used {refusal.used}, Requested {refusal.requested}. "
        f"Please try again in {refusal.retry_after_s:.3f}s."
    )
