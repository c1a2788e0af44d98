"""Reads a scenario file, and says everything that is wrong with it at once: file, line, key and reason."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from llmprobe.core.errors import ScenarioError, UsageError
from llmprobe.core.load import too_much
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.scrub import clean, is_secret_field, scrub
from llmprobe.core.target import host_of, is_sim, parse_sim
from llmprobe.scenario import locate, values
from llmprobe.scenario.layout import ENDPOINT, FORMAT, NAME, RESERVED, SCENARIO, Rows, Table
from llmprobe.scenario.secrets import REMEDY
from llmprobe.wire.dialects import DIALECTS

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_scenario(path: Path) -> Scenario:
    """Read a file; raises `ScenarioError`. `${NAME}` in the endpoint's address comes from the environment."""
    return read_document(path).scenario()


def parse_scenario(text: str, *, file: str, environ: Mapping[str, str] | None = None) -> Scenario:
    """Read a text; `file` names it in errors. `environ` stands for the process's environment."""
    return Document(text, file).scenario(environ)


def read_document(path: Path) -> "Document":
    """The file as TOML, not yet as a scenario; raises `ScenarioError`."""
    file = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"can't be read: {error.strerror}", file=file) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError("is not UTF-8; save it as UTF-8", file=file, line=line) from None
    return Document(text, file)


class Document:
    """A TOML document that should be a scenario, and knows the line of every key."""

    def __init__(self, text: str, file: str) -> None:
        text = text.replace("\r\n", "\n")
        self.file = file
        try:
            self._raw = tomllib.loads(text)
            self._lines = locate.Lines(text)
        except tomllib.TOMLDecodeError as error:
            place = _TOML_PLACE.search(str(error))
            line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
            reason = _TOML_PLACE.sub("", str(error))
            raise ScenarioError(scrub(f"is not TOML: {reason}"), file=file, line=line) from None
        except RecursionError:
            raise ScenarioError("is not a scenario: lists within lists without end", file=file) from None
        self._errors: list[ScenarioError] = []

    def scenario(self, environ: Mapping[str, str] | None = None) -> Scenario:
        """The scenario; raises one `ScenarioError` that tells of everything wrong."""
        self._errors = []
        raw = dict(self._raw)
        self._check_format(raw.pop("format", None))
        for name in RESERVED:
            if raw.pop(name, None) is not None:
                self._wrong((name,), "is reserved for a later format; take it out")
        read = self._table(raw, SCENARIO, ())
        if read is None:
            raise self._all()
        endpoint = self._expanded(read.endpoint, ("endpoint",), os.environ if environ is None else environ)
        for path, reason in _senseless(read):
            self._wrong(path, reason)
        if self._errors:
            raise self._all()
        scenario: Scenario = replace(read, endpoint=endpoint)
        return scenario

    def endpoints(self, environ: Mapping[str, str] | None = None) -> dict[str, Endpoint]:
        """The file as named endpoints, a table each; raises one `ScenarioError` as `scenario` does."""
        self._errors = []
        environ = os.environ if environ is None else environ
        found: dict[str, Endpoint] = {}
        for name, raw in self._raw.items():
            if not NAME.fullmatch(name) or is_sim(name):
                self._wrong((name,), "can't name an endpoint; take letters, digits, - and _")
            elif (endpoint := self._table(raw, ENDPOINT, (name,))) is not None:
                found[name] = self._expanded(endpoint, (name,), environ)
        if self._errors:
            raise self._all()
        return found

    def error(self, path: locate.Path, reason: str) -> ScenarioError:
        """What is wrong with a key of this file."""
        return ScenarioError(scrub(reason), file=self.file, line=self._lines[path], key=_spelled(path))

    def _wrong(self, path: locate.Path, reason: str) -> None:
        self._errors.append(self.error(path, reason))

    def _all(self) -> ScenarioError:
        first, *others = sorted(self._errors, key=lambda error: error.line or 0)
        return ScenarioError(
            first.reason, file=first.file, line=first.line, key=first.key, others=tuple(others)
        )

    def _check_format(self, said: Any) -> None:
        if said is None:
            self._wrong((), f"format is missing; a scenario begins with format = {FORMAT}")
        elif said is True or said != FORMAT:
            self._wrong(("format",), f"is {values.said(said)}; this llmprobe reads format {FORMAT}")

    def _table(self, raw: Any, table: Table, path: locate.Path) -> Any:
        """The struct that a table makes, or None when something in it is wrong."""
        if not isinstance(raw, dict):
            self._wrong(path, f"must be a table, not {values.said(raw)}")
            return None
        before = len(self._errors)
        made: dict[str, Any] = {}
        for name, value in raw.items():
            key = table.keys.get(name)
            if key is None:
                self._wrong((*path, name), _unknown(name, path, table))
            else:
                made[key.field] = self._value(value, key.holds, (*path, name))
        defaults = table.defaults()
        for name, key in table.keys.items():
            if key.field not in made and key.field not in defaults:
                self._wrong(path, f"{name} is missing")
        return table.makes(**made) if len(self._errors) == before else None

    def _value(self, raw: Any, holds: values.Value | Table | Rows, path: locate.Path) -> Any:
        match holds:
            case Table():
                return self._table(raw, holds, path)
            case Rows():
                if isinstance(raw, list):
                    return tuple(self._table(row, holds.of, (*path, n)) for n, row in enumerate(raw))
                self._wrong(path, f"must be a list of tables, not {values.said(raw)}")
            case _:
                try:
                    return holds.read(raw)
                except values.InsideError as error:
                    self._wrong((*path, *error.inside), str(error))
                except (ValueError, UsageError) as error:
                    self._wrong(path, str(error))
        return None

    def _expanded(self, endpoint: Endpoint, path: locate.Path, environ: Mapping[str, str]) -> Endpoint:
        """With the environment in its address; notes a dialect and an address that are none."""
        if endpoint.dialect not in {None, *DIALECTS}:
            known = ", ".join(sorted(DIALECTS))
            self._wrong((*path, "dialect"), f"{endpoint.dialect!r} is not a dialect; there is {known}")
        template = endpoint.url
        for name, default in set(_VARIABLE.findall(template)):
            if not default and not environ.get(name):
                reason = f"${name} is not set; set it, or write ${{{name}:-http://127.0.0.1:8000/v1}}"
                self._wrong((*path, "url"), reason)
                return endpoint
        url = _VARIABLE.sub(lambda match: environ.get(match[1]) or match[2], template)
        try:
            parse_sim(url) if is_sim(url) else host_of(url)
        except UsageError as error:
            self._wrong((*path, "url"), error.message)
        return replace(endpoint, url=url)


def _senseless(scenario: Scenario) -> Iterator[tuple[locate.Path, str]]:
    """What reads well and makes no sense."""
    load = scenario.load
    for position, stage in enumerate(load.stages):
        at = ("load", "stages", position, "to")
        if (trouble := too_much(stage.to, load.kind_of(stage))) is not None:
            yield at, trouble
        elif load.kind_of(stage) == "users" and stage.to != int(stage.to):
            yield at, f"must be whole users, not {stage.to:g}"
    if (trouble := too_much(load.max_users, "users")) is not None:
        yield ("load", "max_users"), trouble
    if scenario.retry.longest_s < scenario.retry.first_s:
        yield ("retry", "longest"), "is shorter than first"
    if scenario.autopilot is not None and load.stages:
        yield ("autopilot",), "stands in place of stages; take out one of them"


def _unknown(name: str, path: locate.Path, table: Table) -> str:
    """Why a key isn't taken, and which one was perhaps meant."""
    if is_secret_field(name):
        return f"is not taken; {REMEDY}"
    if near := difflib.get_close_matches(name, table.keys, n=1):
        return f"is unknown; did you mean {near[0]}?"
    for home, key in SCENARIO.keys.items() if not path or path[0] in SCENARIO.keys else ():
        if isinstance(key.holds, Table) and name in key.holds.keys:
            return f"is unknown here; it belongs in [{home}]"
    if name in SCENARIO.keys:
        return "is unknown here; it belongs at the top, before the first table"
    return f"is unknown; {_spelled(path) or 'a scenario'} takes {', '.join(table.keys)}"


def _spelled(path: locate.Path) -> str:
    """`load.stages[1].hold`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{clean(part)}" for part in path)
    return "".join(parts).removeprefix(".")
