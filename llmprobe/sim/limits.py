"""Rate limits as providers set them: requests and tokens a minute, and a cap on what is in flight.

Requests and tokens are drawn from buckets that refill steadily, or whole at each full minute. A request is
charged its prompt and its `max_tokens` up front; where real tokens count, its prompt up front and its answer
at the end, which may leave a debt. It is refused by the first limit that it breaks, and a refused one costs
nothing.
"""

from typing import Literal

from msgspec import Struct

_ROUNDING = 1e-9
"""A request that comes back exactly when it was told to must not fail by a rounding error."""


class Limits(Struct, frozen=True):
    """None is no limit."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    """Of prompt and `max_tokens` together."""
    concurrency: int | None = None
    burst_s: float = 60.0
    """A bucket holds what refills in this time."""
    window: Literal["bucket", "minute"] = "bucket"
    """Whether buckets refill steadily or are full again at each full minute."""
    tokens_counted: Literal["declared", "real"] = "declared"
    tells_retry_after: bool = True
    minute_s: float = 60.0
    """A minute of the endpoint's own clock."""

    def scaled(self, speed: float) -> "Limits":
        """The same limits with the clock running `speed` times faster: as many requests at once."""
        requests, tokens = self.requests_per_minute, self.tokens_per_minute
        return Limits(
            requests_per_minute=None if requests is None else requests * speed,
            tokens_per_minute=None if tokens is None else tokens * speed,
            concurrency=self.concurrency,
            burst_s=self.burst_s / speed,
            window=self.window,
            tokens_counted=self.tokens_counted,
            tells_retry_after=self.tells_retry_after,
            minute_s=self.minute_s / speed,
        )


class Standing(Struct, frozen=True):
    """What an answer's headers tell about one limit."""

    limit: int
    """Per minute."""
    remaining: int
    reset_s: float
    """Until the bucket is full again."""


class Refusal(Struct, frozen=True):
    """Why a request gets a 429."""

    by: Literal["requests", "tokens", "concurrency"]
    limit: int
    used: int
    requested: int
    retry_after_s: float | None
    """None where the server can't know."""


class _Bucket:
    """Refills steadily up to its size."""

    def __init__(self, per_minute: float, burst_s: float) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / 60
        self.size = self._level = max(1.0, self._rate * burst_s)
        self._at_s = 0.0

    def level(self, at_s: float) -> float:
        self._level = min(self.size, self._level + (at_s - self._at_s) * self._rate)
        self._at_s = at_s
        return self._level

    def lacks_s(self, amount: float, at_s: float) -> float:
        """Seconds until it holds `amount`; 0 when it does."""
        lacking = amount - self.level(at_s)
        return lacking / self._rate if lacking > _ROUNDING * self.size else 0.0

    def full_s(self, at_s: float) -> float:
        """Seconds until it is full."""
        return (self.size - self.level(at_s)) / self._rate

    def take(self, amount: float) -> None:
        self._level -= amount

    def standing(self, at_s: float) -> Standing:
        remaining = max(0, int(self.level(at_s) + _ROUNDING))
        return Standing(round(self.per_minute), remaining, self.full_s(at_s))


class _Minute(_Bucket):
    """Is full again at each full minute."""

    def __init__(self, per_minute: float, minute_s: float) -> None:
        super().__init__(per_minute, 60.0)
        # Sped up, the same number comes in a shorter minute.
        self.size = self._level = per_minute * minute_s / 60
        self._minute_s = minute_s

    def level(self, at_s: float) -> float:
        if at_s // self._minute_s > self._at_s // self._minute_s:
            self._level = self.size
        self._at_s = at_s
        return self._level

    def lacks_s(self, amount: float, at_s: float) -> float:
        return self.full_s(at_s) if amount > self.level(at_s) + _ROUNDING * self.size else 0.0

    def full_s(self, at_s: float) -> float:
        return self._minute_s - at_s % self._minute_s


class Limiter:
    """Applies `Limits` over time; times must not go back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._concurrency = limits.concurrency
        self._requests = _bucket(limits, limits.requests_per_minute)
        self._tokens = _bucket(limits, limits.tokens_per_minute)

    def refuse(self, at_s: float, prompt_tokens: int, max_tokens: int, in_flight: int) -> Refusal | None:
        """Charge a request, or say why not."""
        tokens = prompt_tokens + (max_tokens if self._limits.tokens_counted == "declared" else 0)
        if self._concurrency is not None and in_flight >= self._concurrency:
            return Refusal("concurrency", self._concurrency, in_flight, 1, None)
        for by, bucket, amount in (("requests", self._requests, 1), ("tokens", self._tokens, tokens)):
            if bucket is not None and (wait_s := bucket.lacks_s(amount, at_s)):
                limit = round(bucket.per_minute)
                used = limit - int(bucket.level(at_s))
                told_s = wait_s if self._limits.tells_retry_after else None
                return Refusal(by, limit, used, amount, told_s)  # type: ignore[arg-type]  # a tuple of literals
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        return None

    def finished(self, at_s: float, output_tokens: int) -> None:
        """A request that was charged has ended, with so many tokens made."""
        if self._tokens is not None and self._limits.tokens_counted == "real":
            self._tokens.level(at_s)
            self._tokens.take(output_tokens)

    def standings(self, at_s: float) -> dict[str, Standing]:
        """The limits that are told in headers, of `requests` and of `tokens`."""
        told = {}
        if self._requests is not None:
            told["requests"] = self._requests.standing(at_s)
        if self._tokens is not None:
            told["tokens"] = self._tokens.standing(at_s)
        return told


def _bucket(limits: Limits, per_minute: float | None) -> _Bucket | None:
    if per_minute is None:
        return None
    if limits.window == "minute":
        return _Minute(per_minute, limits.minute_s)
    return _Bucket(per_minute, limits.burst_s)
