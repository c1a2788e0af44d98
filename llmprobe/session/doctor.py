"""What this machine can measure: a worker is tried on an endpoint that tells the true times of its tokens."""

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from llmprobe import __version__
from llmprobe.core.errors import EndpointError
from llmprobe.core.load import Load, Stage
from llmprobe.core.record import Stamp
from llmprobe.core.scenario import Endpoint, Prompts, Scenario, Stop, Timeouts
from llmprobe.core.target import SimTarget, is_loopback, is_sim
from llmprobe.report.files import RunFiles, read_run
from llmprobe.scenario.secrets import public_url
from llmprobe.session.diagnosis import (
    BOUND_CPU,
    Diagnosis,
    LoadPoint,
    StampError,
    Target,
    TestRequest,
    TtftError,
    advise,
    most,
)
from llmprobe.session.opening import Options, key_of, open_session
from llmprobe.session.reach import models_of
from llmprobe.session.trial import Trial, Window, trying
from llmprobe.sim.process import launch
from llmprobe.telemetry.machine import Machine, look_at_machine
from llmprobe.telemetry.open_files import SPARE

Say = Callable[[str], None]
Agree = Callable[[str | None], None]
"""Returns where a person agrees to the statement, raises otherwise."""

_TEST_TOKENS = 16
_TEST_TIMEOUTS = Timeouts(connect_s=3.0, first_token_s=10.0, stall_s=5.0, total_s=12.0)
_ANSWER_TOKENS = 100
_ANSWER_S = 2.18
"""Of the simulated endpoint, with that many tokens."""
_STEPS = (110, 440)
"""Users: 5,000 and 20,000 tokens a second from the simulated endpoint."""
_UNEVEN = 0.955
"""Of an answer's time, for users to start in: in a round share of it their tokens would tick together."""
_WINDOW_S = 3.0
_BURST_WITHIN_S = 8.0


class _Ground(Struct, frozen=True):
    """Where the machine is measured."""

    endpoint: Endpoint
    url: str
    model: str


async def examine(endpoint: Endpoint | None, *, users: int, say: Say, agree: Agree) -> Diagnosis:
    """Look at the machine, at the endpoint if one is named, and measure; at most half a minute.

    Raises `LlmprobeError` when this machine can't measure; an endpoint that doesn't answer is a finding.
    """
    machine = look_at_machine()
    with tempfile.TemporaryDirectory(prefix="llmprobe-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            target, ground = None, None
            if endpoint is not None:
                say(f"one test request to {public_url(endpoint.url)}")
                target, ground = await _ask(endpoint, folder, agree)
            if ground is None:
                simulator = await launch(SimTarget("fixed"))
                stack.push_async_callback(simulator.aclose)
                ground = _Ground(Endpoint(url=simulator.url), simulator.url, simulator.model)
            return await _measure(ground, machine, target, _fitting(users, machine), folder, say)


def _fitting(users: int, machine: Machine) -> int:
    """As many users as this machine has files and ports for, at most those asked for."""
    return max(1, min(users, machine.open_files - SPARE, machine.ports or users))


async def _measure(
    ground: _Ground, machine: Machine, target: Target | None, users: int, folder: Path, say: Say
) -> Diagnosis:
    say(f"{users:,} users start at once")
    ttft = await _burst(ground, users, folder)
    windows: list[Window] = []
    async with trying(_scenario(ground, _ANSWER_TOKENS), ground.url, ground.model, folder) as trial:
        await trial.allow()
        for step in _STEPS:
            say(f"{step} streams for {_WINDOW_S + _ANSWER_S:.0f} s")
            await trial.users(step, _UNEVEN * _ANSWER_S)
            await trial.window(_UNEVEN * _ANSWER_S)
            windows.append(await trial.window(_WINDOW_S))
        kind = _kind(trial)
    kept = _kept(windows)
    loads = tuple(LoadPoint(one.tokens / one.seconds, one.cpu_share) for one in kept)
    found = _steadiest(kept)
    capacity = most(loads, machine)
    on_target = target is not None and target.url == public_url(ground.url)
    diagnosis = Diagnosis(
        llmprobe=__version__,
        measured_on=public_url(ground.url) if on_target else "sim:fixed",
        stamp_error_us=_stamp_error(found, kind),
        ttft_error_ms=ttft,
        cpu_us_per_token=1e6 * found.cpu_share * found.seconds / found.tokens if found.tokens else None,
        loads=loads,
        max_tokens_per_s=int(capacity.tokens_per_s) if capacity is not None else None,
        max_streams=capacity.streams if capacity is not None else None,
        max_streams_by=capacity.streams_by if capacity is not None else None,
        target=target,
        **asdict(machine),
    )
    return replace(diagnosis, advice=advise(diagnosis))


def _scenario(ground: _Ground, max_tokens: int) -> Scenario:
    return Scenario(
        replace(ground.endpoint, url=ground.url, model=ground.model),
        prompts=Prompts(corpus="chat-short", max_tokens=max_tokens),
    )


async def _burst(ground: _Ground, users: int, folder: Path) -> TtftError | None:
    """Answers of one token each, so that every stamp is that of a first token."""
    async with trying(_scenario(ground, 1), ground.url, ground.model, folder) as trial:
        await trial.allow(users)
        await trial.users(users)
        await trial.ended(users, _BURST_WITHIN_S)
    late = trial.stamp_error
    p99_s, mean_s = late.quantile(0.99), late.mean_s
    if p99_s is None or mean_s is None or not trial.ttfts_s:
        return None
    reported_s = sum(trial.ttfts_s) / len(trial.ttfts_s)
    return TtftError(
        users=users,
        true_ms=1000 * (reported_s - mean_s),
        mean=1000 * mean_s,
        p99=1000 * p99_s,
        failed=users - sum(record.outcome.completed for record in trial.records),
    )


def _kept(windows: list[Window]) -> list[Window]:
    """Without a second step that the endpoint could not keep up with while the worker had time left."""
    first, second = windows
    grown = second.tokens / second.seconds / max(1.0, first.tokens / first.seconds)
    falls_short = grown < 0.9 * _STEPS[1] / _STEPS[0]
    return [first] if falls_short and second.cpu_share < BOUND_CPU else windows


def _steadiest(windows: list[Window]) -> Window:
    """The most load at which the worker was not the bottleneck."""
    free = [window for window in windows if window.cpu_share < BOUND_CPU]
    return free[-1] if free else windows[0]


def _kind(trial: Trial) -> Stamp:
    return "kernel" if trial.stamps["kernel"] else "loop"


def _stamp_error(window: Window, kind: Stamp) -> StampError | None:
    late = window.stamp_error
    p50_s, p99_s = late.quantile(0.5), late.quantile(0.99)
    if p50_s is None or p99_s is None:
        return None
    return StampError(
        p50=1e6 * p50_s,
        p99=1e6 * p99_s,
        max=1e6 * late.max_s,
        n=late.count,
        tokens_per_s=window.tokens / window.seconds,
        kind=kind,
    )


async def _ask(endpoint: Endpoint, folder: Path, agree: Agree) -> tuple[Target, _Ground | None]:
    """One request to a target; where it tells its times and both share a clock, it is measured on too."""
    scenario = Scenario(
        replace(endpoint, timeouts=_TEST_TIMEOUTS),
        prompts=Prompts(corpus="chat-short", max_tokens=_TEST_TOKENS),
        load=Load(stages=(Stage(1, hold_s=_TEST_TIMEOUTS.total_s),)),
        stop=Stop(max_requests=1),
    )
    url = endpoint.url if is_sim(endpoint.url) else public_url(endpoint.url)
    out = folder / "test"
    try:
        session = await open_session(scenario, Options(out=out, timed=True, guard=True))
    except EndpointError as error:
        return Target(url, answers=False, dialect=endpoint.dialect, error=error.message), None
    try:
        agree(session.consent())
        await session.start()
        await session.finished.wait()
        resolved, model = session.scenario.endpoint, session.view().model
        models = () if is_sim(endpoint.url) else await _models(session.scenario)
    finally:
        await session.close()
    target = _target(url, resolved, models or (model,), read_run(out))
    measurable = target.answers and target.created_ns and not is_sim(endpoint.url)
    return target, _Ground(
        replace(resolved, timeouts=Timeouts()), resolved.url, model
    ) if measurable else None


async def _models(scenario: Scenario) -> tuple[str, ...]:
    """All that it says to serve; it need not say."""
    try:
        return tuple(await models_of(scenario.endpoint, key_of(scenario)))
    except EndpointError:
        return ()


def _target(url: str, endpoint: Endpoint, models: tuple[str, ...], run: RunFiles) -> Target:
    record = run.records[0] if run.records else None
    told = sum(moment.stamp_error.count for moment in run.series)
    return Target(
        url=url,
        answers=record is not None and record.outcome.completed,
        dialect=endpoint.dialect,
        models=models,
        created_ns=told > 0 and is_loopback(endpoint.url),
        test=TestRequest(record.outcome.value, record.ttft_s, record.output_tokens, record.error)
        if record is not None
        else None,
        error=record.error if record is not None else "the test request did not end in time",
    )
