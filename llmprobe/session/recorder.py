"""Writes down what happened, as it happens, and turns it into a scenario that does it again."""

import contextlib
import shlex
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.errors import LocalError, UsageError
from llmprobe.core.events import Event, Interval, LoadChanged, RequestFinished
from llmprobe.core.finding import Finding
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Scenario
from llmprobe.metrics.moments import Moment, Moments
from llmprobe.report.files import (
    EVENTS,
    RECORDS,
    RESULT,
    SCENARIO,
    SERIES,
    Began,
    Changed,
    Ended,
    Found,
    Line,
    Marked,
    Noted,
    encode_line,
    read_run,
)
from llmprobe.report.make import make_result
from llmprobe.report.result import Result
from llmprobe.report.to_json import render
from llmprobe.scenario.writer import dump_scenario
from llmprobe.session.folder import plain_name
from llmprobe.session.history import History
from llmprobe.session.stop import Ending, Reason


class Saved(Struct, frozen=True):
    """A scenario on disk, and the command that replays it."""

    path: Path
    command: str


class Recorder:
    """The run folder of one run; raises `LocalError` when the disk refuses a line."""

    def __init__(self, folder: Path, scenario: Scenario, began: Began, *, timed: bool) -> None:
        self.folder = folder
        self.scenario = scenario
        self.unwritten: list[RequestRecord] = []
        """Records that the disk refused; the result still counts them."""
        self._began = began
        self._planned = len(scenario.load.stages) if timed else 0
        self._history = History()
        self._moments = Moments()

    def begin(self) -> None:
        """The run starts: say what it is."""
        self._write_text(SCENARIO, dump_scenario(self.scenario))
        self._append(EVENTS, self._began)

    def record(self, batch: list[Event]) -> None:
        """Write down what a batch of events tells."""
        for event in batch:
            moment = self._moments.fold(event)
            match event:
                case LoadChanged() if self._history.change(event):
                    change = Changed(
                        event.at_s, event.level_id, event.target, event.over_s, event.by, event.kind
                    )  # fmt: skip
                    self._append(EVENTS, change)
                case Interval() if self._moments.quiet:
                    self._history.quiet(event.at_s)
                case RequestFinished() if event.unwritten:
                    self._keep(event.record)
                case _:
                    pass
            if moment is not None:
                self._append(SERIES, moment)

    def mark(self, at_s: float, text: str) -> None:
        """A person's note."""
        self._append(EVENTS, Marked(at_s, text))

    def found(self, at_s: float, finding: Finding) -> None:
        """What the autopilot found."""
        self._append(EVENTS, Found(at_s, finding))

    def note(self, at_s: float, text: str) -> None:
        """Something that happened to the run."""
        self._append(EVENTS, Noted(at_s, text))

    def repeating(self, at_s: float, name: str | None = None) -> Scenario:
        """The scenario that does again what happened until now; a plan nobody touched stays as it was.

        Stages stand in place of an autopilot that made them; they would not repeat what a mapper asked.
        """
        load, pilot = self.scenario.load, self.scenario.autopilot
        if self._history.taken_over(self._planned) and not (pilot is not None and pilot.maps_limits):
            load, pilot = replace(load, stages=self._history.stages(at_s, load.kind)), None
        return replace(self.scenario, load=load, autopilot=pilot, name=name or self.scenario.name)

    def save(self, name: str, path: Path | None, at_s: float) -> Saved:
        """Write that scenario to `path`, or to `./NAME.toml` (never over another file)."""
        if path is None:
            path, count = Path(f"{plain_name(name)}.toml"), 1
            while path.exists():
                count += 1
                path = Path(f"{plain_name(name)}-{count}.toml")
        elif path.exists():
            raise UsageError(f"{path} exists already; choose another name")
        try:
            path.write_text(dump_scenario(self.repeating(at_s, name)), encoding="utf-8")
        except OSError as error:
            raise LocalError(f"can't write {path}: {error.strerror}") from error
        return Saved(path, f"llmprobe run {shlex.quote(str(path))}")

    def finish(self, at_s: float, ending: Ending) -> Result:
        """The run is over: the last lines, the scenario as it went, and the result.

        A full disk keeps no result back: it is returned even where it can't be written.
        """
        trouble: LocalError | None = None
        try:
            self._append(SERIES, self._moments.close(at_s))
            self._append(EVENTS, Ended(at_s, ending.reason.value, ending.message))
            self._write_text(SCENARIO, dump_scenario(self.repeating(at_s)))
        except LocalError as error:
            trouble = error
        if trouble is not None:
            ending = Ending(Reason.FAULT, trouble.message)
        result = self.result(at_s, ending)
        with contextlib.suppress(LocalError):
            self._write_text(RESULT, render(result))
        return result

    def result(self, at_s: float, ending: Ending) -> Result:
        """What was measured until now; `ending` is what there is to say where no end was written yet."""
        run = read_run(self.folder)
        if run.ended is None:
            run = replace(run, lines=(*run.lines, Ended(at_s, ending.reason.value, ending.message)))
        return make_result(run, self.scenario, unwritten=self.unwritten)

    def discard_if_empty(self) -> None:
        """Nothing was sent: leave no folder behind."""
        if (self.folder / EVENTS).exists():
            return
        with contextlib.suppress(OSError):
            # An idle screen has its seconds written, too.
            for name in (RECORDS, SERIES):
                (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()

    def _keep(self, record: RequestRecord) -> None:
        """A record no worker could write: try once more from here, else remember it."""
        try:
            self._append(RECORDS, record)
        except LocalError:
            self.unwritten.append(record)

    def _append(self, name: str, line: Line | Moment | RequestRecord) -> None:
        path = self.folder / name
        try:
            with path.open("ab") as file:
                file.write(encode_line(line))
        except OSError as error:
            raise LocalError(f"can't write {path}: {error.strerror}") from error

    def _write_text(self, name: str, text: str) -> None:
        path = self.folder / name
        half = path.with_suffix(".part")
        try:
            half.write_text(text, encoding="utf-8")
            half.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)
            raise LocalError(f"can't write {path}: {error.strerror}") from error
