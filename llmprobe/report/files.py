"""The lines of a run folder, and what can be read back of them, also after a kill in the middle of a line.

records.jsonl   RequestRecord, one finished request a line (written by the workers)
events.jsonl    Began first, then Changed, Marked, Noted, and Ended last
series.jsonl    Moment, one a second
"""

from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from llmprobe.core.errors import LocalError, UsageError
from llmprobe.core.finding import Finding
from llmprobe.core.load import LoadKind
from llmprobe.core.record import RequestRecord
from llmprobe.metrics.moments import Moment

RECORDS, EVENTS, SERIES = "records.jsonl", "events.jsonl", "series.jsonl"
SCENARIO, RESULT = "scenario.toml", "result.json"
FORMAT = 1


class Began(Struct, frozen=True, tag_field="kind", tag="began"):
    """What the run is; nothing in it is a secret."""

    llmprobe: str
    started: str
    """RFC 3339: the one wall-clock time of a run, for people."""
    url: str
    model: str
    corpus_sha256: str
    workers: int
    insecure: bool = False
    key_env: str | None = None
    format: int = FORMAT


class Changed(Struct, frozen=True, tag_field="kind", tag="load"):
    """A load level began."""

    at_s: float
    level_id: int
    target: float
    over_s: float = 0.0
    by: str | None = None
    unit: LoadKind | None = None
    """What the target counts; None in a run of before this was told: what its scenario says."""


class Marked(Struct, frozen=True, tag_field="kind", tag="mark"):
    """A person's note."""

    at_s: float
    text: str


class Noted(Struct, frozen=True, tag_field="kind", tag="note"):
    """Something that happened to the run: a worker died, a cap was raised."""

    at_s: float
    text: str


class Found(Struct, frozen=True, tag_field="kind", tag="found"):
    """What the autopilot found; a search that began anew may find again."""

    at_s: float
    finding: Finding


class Ended(Struct, frozen=True, tag_field="kind", tag="ended"):
    """Why the run ended; `reason` is one of `session.stop.Reason`."""

    at_s: float
    reason: str
    message: str


Line = Began | Changed | Marked | Noted | Found | Ended


class RunFiles(Struct, frozen=True):
    """All that a run folder tells."""

    folder: Path
    records: tuple[RequestRecord, ...]
    lines: tuple[Line, ...]
    series: tuple[Moment, ...]
    broken_lines: int
    """Torn by a kill or a full disk, and left out."""

    @property
    def began(self) -> Began | None:
        """The first line, unless it was lost."""
        return next((line for line in self.lines if isinstance(line, Began)), None)

    @property
    def ended(self) -> Ended | None:
        """The last line; None when the run was killed."""
        return next((line for line in reversed(self.lines) if isinstance(line, Ended)), None)

    @property
    def found(self) -> Finding | None:
        """The last finding of the autopilot."""
        return next((line.finding for line in reversed(self.lines) if isinstance(line, Found)), None)

    @property
    def changes(self) -> tuple[Changed, ...]:
        """Changes of load, in order."""
        return tuple(line for line in self.lines if isinstance(line, Changed))


T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_records: msgspec.json.Decoder[RequestRecord] = msgspec.json.Decoder(RequestRecord)
_lines: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_moments: msgspec.json.Decoder[Moment] = msgspec.json.Decoder(Moment)


def encode_line(line: Line | Moment | RequestRecord) -> bytes:
    """One line with its end."""
    return _encoder.encode(line) + b"\n"


def read_run(folder: Path) -> RunFiles:
    """Read what is there; raises `UsageError` for a folder that is none of a run."""
    if not (folder / EVENTS).is_file() and not (folder / RECORDS).is_file():
        raise UsageError(f"{folder} is not a run folder; it has neither {EVENTS} nor {RECORDS}")
    records, torn_records = _read(folder / RECORDS, _records)
    lines, torn_lines = _read(folder / EVENTS, _lines)
    series, torn_series = _read(folder / SERIES, _moments)
    return RunFiles(folder, records, lines, series, torn_records + torn_lines + torn_series)


def _read(path: Path, decoder: "msgspec.json.Decoder[T]") -> tuple[tuple[T, ...], int]:
    """What a file holds, nothing where there is none, and how many of its lines are none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return (), 0
    except OSError as error:
        raise LocalError(f"can't read {path}: {error.strerror}") from error
    read: list[T] = []
    torn = 0
    for line in filter(None, data.split(b"\n")):
        try:
            read.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            torn += 1
    return tuple(read), torn
