"""From a scenario to a session that is ready to start: endpoint, key, corpus, folder, worker processes."""

import os
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.engine import Plan
from llmprobe.core.errors import UsageError
from llmprobe.core.keys import key_name
from llmprobe.core.scenario import Scenario
from llmprobe.core.target import is_sim, parse_sim
from llmprobe.corpus.reader import Corpus, find_corpus, load_corpus
from llmprobe.corpus.tokens import estimate_tokens
from llmprobe.cost.prices import reserve
from llmprobe.session.consent import with_caps
from llmprobe.session.folder import make_folder
from llmprobe.session.ledger import Ledger
from llmprobe.session.recorder import Recorder
from llmprobe.session.session import Session
from llmprobe.sim.process import launch
from llmprobe.workers.pool import WorkerPool


class Options(Struct, frozen=True):
    """How a run is carried out on this machine; nothing here changes what is sent."""

    base: Path = Path()
    """The folder that a scenario's relative paths start from."""
    out: Path | None = None
    workers: int = 1
    timed: bool = False
    """Follow the stages as a replay does, rather than wait for a hand."""
    guard: bool = False
    """Nobody watches: end a run that only fails."""
    save_text: bool = False
    gaps: bool = False


async def open_session(scenario: Scenario, options: Options) -> Session:
    """Start what a run needs and return the session, idle; raises `LlmprobeError` and leaves nothing behind."""
    async with AsyncExitStack() as stack:
        scenario = with_caps(scenario)
        corpus = _corpus(scenario, options.base)
        key = _key_name(scenario)
        url, model = await _reach(scenario, key, stack)
        reserve_usd = _reserve(scenario, corpus)
        started = datetime.now(UTC)
        folder = make_folder(options.out, scenario.name, started.astimezone())
        recorder = Recorder(
            folder, scenario, corpus_sha256=corpus.sha256, started=started, url=url, model=model
        )
        stack.callback(recorder.discard_if_empty)
        pool = WorkerPool(options.workers)
        stack.push_async_callback(pool.stop, drain_s=0.0)
        await pool.prepare(
            Plan(
                scenario=scenario, url=url, model=model, corpus_file=str(corpus.file),
                run_nonce=secrets.token_hex(4), journal=str(folder / "records.jsonl"), timed=options.timed,
                save_text=options.save_text, gaps=options.gaps,
            )
        )  # fmt: skip
        ledger = Ledger(
            max_requests=scenario.stop.max_requests, max_usd=scenario.stop.max_usd,
            reserve_usd=reserve_usd or 0.0,
        )  # fmt: skip
        session = Session(
            replace(scenario, prompts=replace(scenario.prompts, sha256=corpus.sha256)),
            options=options, engine=pool, ledger=ledger, recorder=recorder, url=url, model=model,
            key_name=key, reserve_usd=reserve_usd, resources=stack.pop_all(),
        )  # fmt: skip
    return session
