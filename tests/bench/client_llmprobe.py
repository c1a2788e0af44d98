"""llmprobe in the client bench, as it is used: a session with its worker process, live figures, all on disk.

Its figures are read back from the run folder that it leaves.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from llmprobe.core.histogram import Histogram, merged
from llmprobe.core.load import Load, Stage
from llmprobe.core.scenario import Endpoint, Prompts, Scenario
from llmprobe.report.files import RunFiles, read_run
from llmprobe.session.opening import Options, open_session
from llmprobe.session.session import Session
from tests.bench.cell import SETTLE_S, Cell, Measured, Meter, answer, peak_rss_mb, ttft_off_ms

_LOOKS_A_SECOND = 4
"""As often as a screen asks for the figures."""


async def client(cell: Cell) -> Measured:
    """One worker, users ramped over the spread."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        session = await open_session(_scenario(cell), Options(out=out, timed=True))
        try:
            return await _measured(cell, session, out)
        finally:
            await session.close()


def _scenario(cell: Cell) -> Scenario:
    hold_s = SETTLE_S + cell.window_s + 5.0
    return Scenario(
        Endpoint(url=cell.url, model=cell.model),
        prompts=Prompts(corpus="chat-short", max_tokens=cell.tokens),
        load=Load(stages=(Stage(to=cell.users, hold_s=hold_s, ramp_s=cell.spread_s),), max_users=cell.users),
    )


async def _measured(cell: Cell, session: Session, out: Path) -> Measured:
    (worker,) = session.engine.pids  # type: ignore[attr-defined]  # a pool of one worker
    await session.start()
    begin_s = float(round(cell.spread_s + SETTLE_S + 0.5))
    await _look_until(session, begin_s)
    meter = Meter([worker, os.getpid()], cell.server_pid)
    await _look_until(session, begin_s + cell.window_s)
    (engine, rest), server = meter.shares()
    rss_mb = peak_rss_mb(worker)
    # The next line of the series closes the last second of the window.
    await _look_until(session, begin_s + cell.window_s + 1.5)
    await session.close()
    run = read_run(out)
    tokens_per_s, itl, stamps = _window(run, begin_s, begin_s + cell.window_s)
    p50_s, p99_s, itl_s = stamps.quantile(0.5), stamps.quantile(0.99), itl.mean_s
    ttfts_s = _first_ttfts_s(run)
    off_mean, off_p99 = ttft_off_ms(ttfts_s, cell.ttft_s)
    return Measured(
        tokens_per_s=tokens_per_s,
        cpu_us=1e6 * (engine + rest) / tokens_per_s if tokens_per_s else 0.0,
        engine_us=1e6 * engine / tokens_per_s if tokens_per_s else 0.0,
        stamp_p50_us=1e6 * p50_s if p50_s is not None else None,
        stamp_p99_us=1e6 * p99_s if p99_s is not None else None,
        itl_ms=1000 * itl_s if itl_s is not None else None,
        true_itl_ms=None,
        ttft_off_mean_ms=off_mean,
        ttft_off_p99_ms=off_p99,
        answered=len(ttfts_s),
        errors=sum(record.outcome.failed for record in run.records),
        rss_mb=rss_mb,
        server_cpu=server,
    )


async def _look_until(session: Session, at_s: float) -> None:
    while (left_s := at_s - session.elapsed_s) > 0:
        session.view()
        await asyncio.sleep(min(left_s, 1 / _LOOKS_A_SECOND))


def _window(run: RunFiles, begin_s: float, end_s: float) -> tuple[float, Histogram, Histogram]:
    """Text chunks a second (the servers send one token in each), gaps, and stamp errors."""
    moments = [moment for moment in run.series if begin_s < moment.at_s <= end_s]
    chunks = sum(moment.text_chunks for moment in moments)
    return (
        chunks / max(1, len(moments)),
        merged(moment.itl for moment in moments),
        merged(moment.stamp_error for moment in moments),
    )


def _first_ttfts_s(run: RunFiles) -> list[float]:
    first: dict[int, float] = {}
    for record in sorted(run.records, key=lambda record: record.started_s):
        if record.ttft_s is not None:
            first.setdefault(record.user, record.ttft_s)
    return list(first.values())


if __name__ == "__main__":
    answer(client)
