"""A diagnosis as a person reads it: 80 columns, advice last.

What an endpoint says is stripped of what a terminal would obey.
"""

import textwrap
from collections.abc import Iterator

from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.session.diagnosis import Diagnosis, StampError, Target, TtftError

_WIDTH = 80
_COLUMN = 14
_UNKNOWN = "unknown"


def render(found: Diagnosis) -> str:
    """The whole text, without a newline at the end."""
    return "\n".join(_lines(found))


def _lines(found: Diagnosis) -> Iterator[str]:
    if found.target is not None:
        yield from _target(found.target)
        yield ""
    yield f"What this machine measures (on {clean(found.measured_on)})"
    yield from _fact("stamps", _stamps(found.stamp_error_us))
    yield from _fact("first tokens", _first_tokens(found.ttft_error_ms))
    yield from _fact("CPU", _cpu(found))
    yield from _fact("one worker", _most(found))
    yield ""
    yield "What it offers"
    yield from _fact("open files", f"{found.open_files:,}")
    yield from _fact("ports", _UNKNOWN if found.ports is None else f"{found.ports:,} to one address")
    yield from _fact("cores", str(found.cores))
    yield from _fact("clock", f"{found.clock_source or _UNKNOWN}, resolution {found.clock_resolution_ns} ns")
    yield from _fact("event loop", f"{'uvloop' if found.uvloop else 'asyncio'}, Python {found.python}")
    yield ""
    yield "What to do" if found.advice else "Nothing to do."
    for sentence in found.advice:
        yield from textwrap.wrap(clean(sentence), _WIDTH, initial_indent="  ! ", subsequent_indent="    ")


def _target(target: Target) -> Iterator[str]:
    yield f"Target {clean(target.url)}"
    yield from _fact("answers", "yes" if target.answers else "no")
    yield from _fact("dialect", target.dialect or "not known")
    if target.models:
        yield from _fact("models", ", ".join(clean(model) for model in target.models))
    if target.test is None:
        if target.error is not None:
            yield from _fact("error", clean(target.error))
        return
    test = target.test
    parts = [test.outcome]
    if test.ttft_s is not None:
        parts.append(f"first token after {people_seconds(test.ttft_s)}")
    if test.output_tokens is not None:
        parts.append(f"{test.output_tokens} tokens")
    if test.error is not None:
        parts.append(clean(test.error))
    yield from _fact("test request", ", ".join(parts))
    yield from _fact("created_ns", "in each chunk" if target.created_ns else "not on this machine's clock")


def _stamps(error: StampError | None) -> str:
    if error is None:
        return "unknown: no token came"
    who = "the kernel" if error.kind == "kernel" else "llmprobe, when it reads"
    return (
        f"by {who}; late by {_us(error.p50)} (p50), {_us(error.p99)} (p99), {_us(error.max)} at most, "
        f"over {error.n:,} tokens at {error.tokens_per_s:,.0f} tokens/s"
    )


def _first_tokens(error: TtftError | None) -> str:
    if error is None:
        return "unknown: no token came"
    failed = f"; {error.failed:,} failed" if error.failed else ""
    return (
        f"{error.users:,} users starting at once: TTFT too long by {error.mean:.2f} ms (mean), "
        f"{error.p99:.2f} ms (p99), where the true one was {error.true_ms:.1f} ms{failed}"
    )


def _cpu(found: Diagnosis) -> str:
    if found.cpu_us_per_token is None:
        return _UNKNOWN
    loads = ", ".join(
        f"{100 * load.cpu_share:.0f} % of a core at {load.tokens_per_s:,.0f} tokens/s" for load in found.loads
    )
    return f"{found.cpu_us_per_token:.1f} us a token ({loads})"


def _most(found: Diagnosis) -> str:
    if found.max_tokens_per_s is None or found.max_streams is None:
        return _UNKNOWN
    return (
        f"{found.max_tokens_per_s:,} tokens/s (extrapolated to 85 % of a core), "
        f"{found.max_streams:,} streams at {found.stream_tokens_per_s:g} tokens/s each "
        f"(limited by {found.max_streams_by})"
    )


def _us(micros: float) -> str:
    return (
        f"{micros:.1f} us"
        if micros < 100
        else f"{micros:.0f} us"
        if micros < 1000
        else f"{micros / 1000:.1f} ms"
    )


def _fact(name: str, text: str) -> list[str]:
    head = f"  {name:<{_COLUMN}}"
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
