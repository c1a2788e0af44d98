"""From a scenario to a session that is ready to start: endpoint, key, corpus, folder, worker processes."""

import math
import os
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from llmprobe import __version__
from llmprobe.control.mixes import MIXES
from llmprobe.core.engine import Plan
from llmprobe.core.errors import UsageError
from llmprobe.core.headers import is_header_value
from llmprobe.core.keys import key_name
from llmprobe.core.scenario import Scenario
from llmprobe.core.target import is_sim
from llmprobe.corpus.made_up import made_up
from llmprobe.corpus.reader import Corpus, open_corpus
from llmprobe.corpus.tokens import estimate_prompt_tokens
from llmprobe.cost.prices import reserve
from llmprobe.report.files import RECORDS, Began
from llmprobe.scenario.secrets import public_url
from llmprobe.session.consent import consent, with_caps
from llmprobe.session.folder import make_folder
from llmprobe.session.ledger import Ledger
from llmprobe.session.reach import reach
from llmprobe.session.recorder import Recorder
from llmprobe.session.session import Session
from llmprobe.telemetry.open_files import raise_open_files, too_many_users
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
    """Start what a run needs; the session is idle. Raises `LlmprobeError` and leaves nothing behind."""
    async with AsyncExitStack() as stack:
        scenario = with_caps(scenario)
        if options.timed and (trouble := scenario.without_idle()) is not None:
            raise UsageError(trouble)
        if (trouble := no_room(scenario, timed=options.timed, workers=options.workers)) is not None:
            raise UsageError(trouble)
        corpus = open_corpus(scenario.prompts, options.base)
        key = key_of(scenario)
        reached = await reach(scenario.endpoint, key, stack)
        scenario, url, model = replace(scenario, endpoint=reached.endpoint), reached.url, reached.model
        worst_usd = _worst_usd(scenario, corpus)
        folder = make_folder(options.out, scenario.name, datetime.now(UTC).astimezone())
        recorder = Recorder(
            folder,
            replace(scenario, prompts=replace(scenario.prompts, sha256=corpus.sha256)),
            _began(scenario, url, model, corpus, key, options),
            timed=options.timed,
        )
        stack.callback(recorder.discard_if_empty)
        pool = WorkerPool(options.workers)
        stack.push_async_callback(pool.stop, drain_s=0.0)
        await pool.prepare(
            Plan(
                scenario=scenario, url=url, model=model, corpus_file=str(corpus.file), key_env=key,
                run_nonce=secrets.token_hex(4), journal=str(folder / RECORDS), timed=options.timed,
                save_text=options.save_text, gaps=options.gaps,
            )
        )  # fmt: skip
        return Session(
            scenario,
            engine=pool,
            ledger=Ledger(
                max_requests=scenario.stop.max_requests,
                max_usd=scenario.stop.max_usd,
                reserve_usd=worst_usd or 0.0,
            ),
            recorder=recorder,
            url=url,
            model=model,
            consent=consent(scenario, model, key, worst_usd),
            note=reached.note,
            workers=options.workers,
            timed=options.timed,
            guard=options.guard,
            resources=stack.pop_all(),
        )


def no_room(scenario: Scenario, *, timed: bool, workers: int) -> str | None:
    """Why this machine has no room for its users; raises its limit of open files as far as it goes."""
    load = scenario.load
    planned = timed and load.stages and all(load.kind_of(stage) == "users" for stage in load.stages)
    users = max(int(stage.to) for stage in load.stages) if planned else load.max_users
    return too_many_users(users, raise_open_files(), workers=workers)


def key_of(scenario: Scenario) -> str | None:
    """The environment variable that holds the key to send; raises when it was asked for and isn't set."""
    endpoint = scenario.endpoint
    name = key_name(endpoint.url, endpoint.api_key_env)
    key = os.environ.get(name, "").strip() if name is not None else ""
    if not is_header_value(key):
        raise UsageError(
            f"${name} can't be sent as a key: it is more than one line, or not ASCII; set it anew"
        )
    if name is None or key:
        return name
    if endpoint.api_key_env is not None:
        raise UsageError(f"${name} is not set; it should hold the key for {endpoint.url}")
    return None


def _worst_usd(scenario: Scenario, corpus: Corpus) -> float | None:
    """What one request may cost at most; None where prices are unknown."""
    if scenario.prices is None:
        return None
    maps = scenario.autopilot is not None and scenario.autopilot.maps_limits
    prompts = [made_up(ask) for ask in MIXES] if maps else corpus.prompts
    longest = max(estimate_prompt_tokens(prompt) for prompt in prompts)
    limits = [p.max_tokens or scenario.prompts.max_tokens for p in prompts]
    limit = None if None in limits else max(limit for limit in limits if limit is not None)
    worst_usd = reserve(scenario.prices, longest, limit)
    if math.isinf(worst_usd) and scenario.stop.max_usd is not None:
        raise UsageError("a cap on money needs a limit on output tokens; set max_tokens")
    return worst_usd


def _began(
    scenario: Scenario, url: str, model: str, corpus: Corpus, key: str | None, options: Options
) -> Began:
    shown = scenario.endpoint.url if is_sim(scenario.endpoint.url) else public_url(url)
    return Began(
        llmprobe=__version__, started=datetime.now(UTC).isoformat(timespec="milliseconds"), url=shown,
        model=model, corpus_sha256=corpus.sha256, workers=options.workers,
        insecure=scenario.endpoint.insecure, key_env=key,
    )  # fmt: skip
