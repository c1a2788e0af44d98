"""Run folders made by hand, and golden files. `UPDATE_GOLDEN=1 pytest tests/report` writes those anew."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from llmprobe.core.histogram import Histogram
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.metrics.moments import Moment
from llmprobe.report.files import Began, Changed, Ended, Line, Marked, RunFiles, encode_line

GOLDEN = Path(__file__).parent / "golden"


class Make:
    """The parts of a run; each is like any other but for what a test says of it."""

    BEGAN = Began(
        llmprobe="0.1.0", started="2026-05-04T20:15:00.000+00:00", url="http://127.0.0.1:8000/v1",
        model="llama-3-8b", corpus_sha256="c0ffee", workers=1,
    )  # fmt: skip
    WARM_UP = Changed(0.0, -1, 4)
    LOW = Changed(5.0, 0, 4)
    HIGH = Changed(35.5, 1, 16, 2.0, "hand")
    PAUSE = Changed(65.0, 2, 0, by="hand")
    DONE = Ended(66.0, "plan", "all stages are done")

    @staticmethod
    def record(started_s: float = 0.0, e2e_s: float = 1.0, **fields: Any) -> RequestRecord:
        usual: dict[str, Any] = {
            "index": 0, "prompt_id": "p", "user": 0, "level_id": 0, "users": 4, "outcome": Outcome.OK,
            "ttft_s": 0.2, "ttfo_s": 0.2, "tpot_s": 0.02, "input_tokens": 100, "output_tokens": 40,
            "token_source": "usage", "stamps": {"kernel": 40}, "status": 200,
        }  # fmt: skip
        return RequestRecord(started_s=started_s, e2e_s=e2e_s, **{**usual, **fields})

    @staticmethod
    def moment(at_s: float, target: float = 4, gap_s: float = 0.02, **fields: Any) -> Moment:
        itl = Histogram()
        itl.merge(Histogram.of([gap_s] * 100))
        usual: dict[str, Any] = {
            "text_chunks": 100, "itl": itl, "active": int(target), "draining": 0, "in_flight": int(target),
            "user_s": float(target), "backing_off": 0, "cpu_share": 0.12, "lag_s": 0.0004,
        }  # fmt: skip
        return Moment(at_s=at_s, target=target, **{**usual, **fields})

    @staticmethod
    def run(
        records: Iterable[RequestRecord] = (), lines: Iterable[Line] = (), series: Iterable[Moment] = ()
    ) -> RunFiles:
        return RunFiles(Path("run"), tuple(records), tuple(lines), tuple(series), 0)

    @classmethod
    def level(cls, change: Changed, end_s: float, *, first: int, took_s: float) -> list[RequestRecord]:
        """Each user sends one request after another; the higher its number, the longer it waits."""
        users, start_s = int(change.target), change.at_s + change.over_s
        return [
            cls.record(
                start_s + turn * took_s, took_s, index=first + turn * users + user, user=user, users=users,
                level_id=change.level_id, ttft_s=(0.2 + 0.01 * user) * took_s, tpot_s=0.02 * took_s,
                prompt_id=f"p{(first + turn * users + user) % 7}", connect_s=None if turn else 0.001,
            )
            for turn in range(int((end_s - start_s) / took_s))
            for user in range(users)
        ]  # fmt: skip


@pytest.fixture
def make() -> type[Make]:
    """Parts to make runs of."""
    return Make


@pytest.fixture
def evening() -> RunFiles:
    """A warm-up, four users, then sixteen by hand: a run that went well until its planned end."""
    records = [
        *Make.level(Make.WARM_UP, 5.0, first=0, took_s=0.9),
        *Make.level(Make.LOW, 35.0, first=20, took_s=1.0),
        *Make.level(Make.HIGH, 65.0, first=140, took_s=1.5),
    ]
    mark = Marked(40.0, "the cache is warm now")
    series = [Make.moment(float(second), 4 if second <= 35 else 16) for second in range(1, 67)]
    lines: list[Line] = [Make.BEGAN, Make.WARM_UP, Make.LOW, Make.HIGH, mark, Make.PAUSE, Make.DONE]
    return Make.run(records, lines, series)


@pytest.fixture
def scenario() -> Scenario:
    return Scenario(
        endpoint=Endpoint(url="http://127.0.0.1:8000/v1", model="llama-3-8b"), name="evening-probe", seed=42
    )


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[RunFiles], Path]:
    """Write a run down as a recorder and its workers do."""

    def write(run: RunFiles) -> Path:
        for name, lines in (("events", run.lines), ("records", run.records), ("series", run.series)):
            (tmp_path / f"{name}.jsonl").write_bytes(b"".join(map(encode_line, lines)))
        return tmp_path

    return write


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with a golden file, byte for byte."""

    def compare(name: str, text: str) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            (GOLDEN / name).write_bytes(text.encode())
            pytest.skip(f"{name} is written anew")
        assert text.encode() == (GOLDEN / name).read_bytes()

    return compare
