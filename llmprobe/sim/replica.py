"""One simulated server under continuous batching: a queue, slots, and a batch that steps together.

A step reads a piece of the prompts in prefill and makes one token for every request in decode. Steps with the
same batch form a block, whose m-th step ends at

    anchor + m (a + b B + p P + c K) + c B m (m - 1) / 2

with B requests in decode, P prompt tokens read in the step, and K tokens in the KV cache at the anchor. Only
the ends of blocks are worked out, so a request costs a handful of operations however many tokens it makes.

Where the KV cache has a limit, a request waits for room, or (`when_full` = "preempt") the last one admitted
gives its room up, queues at the head, and reads prompt and answer anew.
"""

import math
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Literal

from msgspec import Struct

from llmprobe.sim.weather import Weather


class Hardware(Struct, frozen=True):
    """How fast one replica is. Its times are those of the endpoint, before any speed-up."""

    slots: int
    """Requests in prefill or decode at once."""
    step_s: float
    """`a`: a step of decode, whatever its batch."""
    step_s_per_request: float = 0.0
    """`b`: what each request in decode adds to the step."""
    step_s_per_kv_token: float = 0.0
    """`c`: what each token in the KV cache adds to the step."""
    prefill_s_per_token: float = 0.0
    """`p`: what each prompt token read in it adds to the step."""
    prefill_chunk: int = 512
    """Prompt tokens read in one step, at most."""
    latency_s: float = 0.0
    """From a request's arrival to the queue: network, parsing, tokenizing."""
    kv_tokens: int | None = None
    """Room in the KV cache; None is more than ever needed."""
    when_full: Literal["queue", "preempt"] = "queue"
    """Whether a request is admitted with room for all it may make, or for its prompt alone."""
    weather: Weather | None = None

    def scaled(self, speed: float) -> "Hardware":
        """The same hardware with its clock running `speed` times faster."""
        return Hardware(
            slots=self.slots,
            step_s=self.step_s / speed,
            step_s_per_request=self.step_s_per_request / speed,
            step_s_per_kv_token=self.step_s_per_kv_token / speed,
            prefill_s_per_token=self.prefill_s_per_token / speed,
            prefill_chunk=self.prefill_chunk,
            latency_s=self.latency_s / speed,
            kv_tokens=self.kv_tokens,
            when_full=self.when_full,
            weather=None if self.weather is None else self.weather.scaled(speed),
        )


class Event(Struct, frozen=True, gc=False):
    """Something a client sees. The last token and the finish come at the same time, as two events."""

    request_id: int
    kind: Literal["first", "token", "finish"]
    at_s: float


class _Job:
    """A request on its way through the replica."""

    __slots__ = (
        "cancelled", "first_step", "id", "made", "output_tokens", "prompt_left", "prompt_tokens", "ready_s",
    )  # fmt: skip

    def __init__(
        self, request_id: int, ready_s: float, prompt_tokens: int, output_tokens: int, cached_tokens: int
    ) -> None:
        self.id = request_id
        self.ready_s = ready_s
        self.prompt_tokens = max(1, prompt_tokens)
        self.prompt_left = max(1, self.prompt_tokens - cached_tokens)
        self.output_tokens = output_tokens
        self.made = 0
        """Tokens made before it was last preempted."""
        self.first_step = 0
        """The step that made its first token, were all made without a break."""
        self.cancelled = False


class Replica:
    """Steps through time by `advance`; `per_token` tells every token rather than the first and the finish."""

    def __init__(self, hardware: Hardware, *, per_token: bool) -> None:
        self._hardware = hardware
        self._per_token = per_token
        self._queue: deque[_Job] = deque()
        self._prefill: deque[_Job] = deque()
        self._decode: dict[int, _Job] = {}
        self._ends: list[tuple[int, int]] = []
        """A heap of (step after which a request has all its tokens, its id)."""
        self._steps_done = 0
        self._kv_tokens = 0
        self._leaving = False
        """Whether a request in a slot was cancelled; its slot is free from the end of the step on."""
        # The block under way.
        self._anchor_s = 0.0
        self._steps = 0
        """Steps in the block; 0 while idle."""
        self._told = 0
        """Steps of the block whose tokens were told."""
        self._batch = 0
        self._chunk = 0
        self._first_step_s = 0.0
        self._growth_s = 0.0
        """What each step is longer than the one before it, halved."""

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return len(self._prefill) + len(self._decode)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    def submit(
        self, request_id: int, at_s: float, prompt_tokens: int, output_tokens: int, cached_tokens: int = 0
    ) -> None:
        """Queue a request, whose cached tokens aren't read; the replica must have advanced to `at_s`."""
        ready_s = at_s + self._hardware.latency_s
        job = _Job(request_id, ready_s, prompt_tokens, output_tokens, cached_tokens)
        self._queue.append(job)
        if self._steps and self._queue[0] is job and self.running < self._hardware.slots:
            self._cut_at(job.ready_s)

    def cancel(self, request_id: int, at_s: float) -> None:
        """Forget a request; a slot it holds is free once the step under way at `at_s` ends."""
        if (job := self._decode.get(request_id)) is None:
            for job in self._queue:
                if job.id == request_id:
                    self._queue.remove(job)
                    return
            job = next(job for job in self._prefill if job.id == request_id)
        job.cancelled = self._leaving = True
        self._cut_at(at_s)

    def next_at(self) -> float:
        """No event comes before this time; infinite when there is nothing to do."""
        if self._steps:
            return self._end_of(min(self._told + 1, self._steps) if self._per_token else self._steps)
        return self._queue[0].ready_s if self._queue else math.inf

    def advance(self, to_s: float) -> Iterator[Event]:
        """Let time pass until `to_s` and tell what happened, in order."""
        while True:
            if not self._steps:
                if not self._queue or self._queue[0].ready_s > to_s:
                    return
                self._begin(max(self._anchor_s, self._queue[0].ready_s))
            if self._per_token and self._batch:
                yield from self._tokens(to_s)
            end_s = self._end_of(self._steps)
            if end_s > to_s:
                return
            yield from self._finish_block(end_s)
            self._begin(end_s)

    def _end_of(self, step: int) -> float:
        """When the block's `step`-th step ends (1 is its first)."""
        return self._anchor_s + step * (self._first_step_s + (step - 1) * self._growth_s)

    def _cut_at(self, at_s: float) -> None:
        """End the block with the first step that ends at `at_s` or later."""
        linear, wanted = self._first_step_s - self._growth_s, max(0.0, at_s - self._anchor_s)
        # The positive root of growth m² + linear m = wanted, in the form that survives growth = 0.
        root = 2 * wanted / (linear + math.sqrt(linear * linear + 4 * self._growth_s * wanted))
        step = max(1, math.ceil(root))
        while self._end_of(step) < at_s:
            step += 1
        while step > 1 and self._end_of(step - 1) >= at_s:
            step -= 1
        self._steps = min(self._steps, step)

    def _begin(self, anchor_s: float) -> None:
        """Admit what fits, and plan the block up to the next change of its batch."""
        hardware = self._hardware
        queue, prefill = self._queue, self._prefill
        if hardware.when_full == "preempt" and hardware.kv_tokens is not None:
            self._make_room(hardware.kv_tokens, anchor_s)
        while queue and queue[0].ready_s <= anchor_s and self._fits(queue[0]):
            prefill.append(queue.popleft())
        self._anchor_s, self._told = anchor_s, 0
        self._batch = len(self._decode)
        self._chunk = min(hardware.prefill_chunk, sum(job.prompt_left for job in prefill)) if prefill else 0
        self._first_step_s = (
            hardware.step_s
            + hardware.step_s_per_request * self._batch
            + hardware.step_s_per_kv_token * self._kv_tokens
            + hardware.prefill_s_per_token * self._chunk
        )
        self._growth_s = hardware.step_s_per_kv_token * self._batch / 2
        changes_s = math.inf
        if hardware.weather is not None:
            slowness, changes_s = hardware.weather.at(anchor_s)
            self._first_step_s *= slowness
            self._growth_s *= slowness
        if prefill:
            self._steps = 1
        elif self._decode:
            self._steps = self._ends[0][0] - self._steps_done
            if hardware.when_full == "preempt" and hardware.kv_tokens is not None:
                self._steps = max(1, min(self._steps, (hardware.kv_tokens - self._kv_tokens) // self._batch))
            if queue and self.running < hardware.slots and queue[0].ready_s > anchor_s:
                self._cut_at(queue[0].ready_s)
            if changes_s < math.inf:
                self._cut_at(changes_s)
        else:
            self._steps = 0

    def _fits(self, job: _Job) -> bool:
        """Whether there are a slot and room in the cache; alone, a request always fits."""
        hardware = self._hardware
        if self.running >= hardware.slots:
            return False
        if hardware.kv_tokens is None or not self.running:
            return True
        if hardware.when_full == "preempt":
            taken = self._kv_tokens + sum(other.prompt_tokens + other.made for other in self._prefill)
            return taken + job.prompt_tokens + job.made + self.running < hardware.kv_tokens
        taken = sum(
            other.prompt_tokens + other.output_tokens
            for others in (self._prefill, self._decode.values())
            for other in others
        )
        return taken + job.prompt_tokens + job.output_tokens <= hardware.kv_tokens

    def _make_room(self, kv_tokens: int, at_s: float) -> None:
        """Preempt the last ones admitted until a step more of all the others fits."""
        while len(self._decode) > 1 and self._kv_tokens + len(self._decode) > kv_tokens:
            job = self._decode[next(reversed(self._decode))]
            del self._decode[job.id]
            job.made = 1 + self._steps_done - job.first_step
            self._kv_tokens -= job.prompt_tokens + job.made
            job.prompt_left = job.prompt_tokens + job.made
            job.ready_s = at_s
            self._ends = sorted(end for end in self._ends if end[1] != job.id)
            self._queue.appendleft(job)

    def _tokens(self, to_s: float) -> Iterator[Event]:
        while self._told < self._steps and (end_s := self._end_of(self._told + 1)) <= to_s:
            self._told += 1
            for job in self._decode.values():
                if not job.cancelled:
                    yield Event(job.id, "token", end_s)

    def _finish_block(self, end_s: float) -> Iterator[Event]:
        self._steps_done += self._steps
        self._kv_tokens += self._batch * self._steps
        if self._leaving:
            self._drop_cancelled()
        while self._ends and self._ends[0][0] <= self._steps_done:
            _, request_id = heappop(self._ends)
            job = self._decode.pop(request_id)
            self._kv_tokens -= job.prompt_tokens + job.output_tokens
            yield Event(request_id, "finish", end_s)
        while self._chunk:
            job = self._prefill[0]
            read = min(self._chunk, job.prompt_left)
            job.prompt_left -= read
            self._chunk -= read
            if job.prompt_left:
                return
            self._prefill.popleft()
            if not job.cancelled:
                yield from self._first_token(job, end_s)

    def _first_token(self, job: _Job, at_s: float) -> Iterator[Event]:
        if not job.made:
            yield Event(job.id, "first", at_s)
        elif self._per_token:
            yield Event(job.id, "token", at_s)
        if job.output_tokens == job.made + 1:
            yield Event(job.id, "finish", at_s)
            return
        job.first_step = self._steps_done - job.made
        self._decode[job.id] = job
        self._kv_tokens += job.prompt_tokens + job.made + 1
        heappush(self._ends, (job.first_step + job.output_tokens - 1, job.id))

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._decode.values() if job.cancelled]:
            del self._decode[job.id]
            self._kv_tokens -= job.prompt_tokens + 1 + self._steps_done - job.first_step
        self._ends = sorted(end for end in self._ends if end[1] in self._decode)
        self._leaving = False
