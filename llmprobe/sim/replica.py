"""One simulated server under continuous batching: a queue, slots, and a batch that steps together.

A step reads a piece of the prompts in prefill and makes one token for every request in decode. Steps with the
same batch form a block, whose m-th step ends at

    anchor + m (a + b B + p P + c K) + c B m (m - 1) / 2

with B requests in decode, P prompt tokens read in the step, and K tokens in the KV cache at the anchor. Only
the ends of blocks are worked out, so a request costs a handful of operations however many tokens it makes.
"""

import math
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Literal

from msgspec import Struct


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
        )


class Event(Struct, frozen=True, gc=False):
    """Something a client sees. The last token and the finish come at the same time, as two events."""

    request_id: int
    kind: Literal["first", "token", "finish"]
    at_s: float


class _Job:
    """A request on its way through the replica."""

    __slots__ = ("cancelled", "first_step", "id", "output_tokens", "prompt_left", "prompt_tokens", "ready_s")

    def __init__(self, request_id: int, ready_s: float, prompt_tokens: int, output_tokens: int) -> None:
        self.id = request_id
        self.ready_s = ready_s
        self.prompt_tokens = self.prompt_left = max(1, prompt_tokens)
        self.output_tokens = output_tokens
        self.first_step = 0
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

    def submit(self, request_id: int, at_s: float, prompt_tokens: int, output_tokens: int) -> None:
        """Queue a request; the replica must have advanced to `at_s`."""
        job = _Job(request_id, at_s + self._hardware.latency_s, prompt_tokens, output_tokens)
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
        while queue and queue[0].ready_s <= anchor_s and self.running < hardware.slots:
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
        if prefill:
            self._steps = 1
        elif self._decode:
            self._steps = self._ends[0][0] - self._steps_done
            if queue and self.running < hardware.slots:
                self._cut_at(queue[0].ready_s)
        else:
            self._steps = 0

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
        yield Event(job.id, "first", at_s)
        if job.output_tokens == 1:
            yield Event(job.id, "finish", at_s)
            return
        job.first_step = self._steps_done
        self._decode[job.id] = job
        self._kv_tokens += job.prompt_tokens + 1
        heappush(self._ends, (job.first_step + job.output_tokens - 1, job.id))

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._decode.values() if job.cancelled]:
            del self._decode[job.id]
            self._kv_tokens -= job.prompt_tokens + 1 + self._steps_done - job.first_step
        self._ends = sorted(end for end in self._ends if end[1] in self._decode)
        self._leaving = False
