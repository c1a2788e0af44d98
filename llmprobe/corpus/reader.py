"""Reads a corpus: JSON Lines, one prompt a line. Errors name the file and the line."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.errors import CorpusError, UsageError
from llmprobe.core.request import Prompt
from llmprobe.core.scenario import Prompts
from llmprobe.core.shipped import shipped_folder

LONGEST_LINE = 4_000_000
"""Bytes. A longer line is no prompt but a file of another kind."""
_ROLES = ("system", "developer", "user", "assistant", "tool")
_SUFFIX = ".jsonl"


class Corpus(Struct, frozen=True):
    """Prompts in the order of their file."""

    name: str
    prompts: tuple[Prompt, ...]
    sha256: str
    """Of the file's bytes: two corpora with the same one send the same prompts."""
    file: Path


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    messages: tuple[dict[str, Any], ...]
    tags: tuple[str, ...] = ()
    max_tokens: int | None = None


_DECODER = msgspec.json.Decoder(_Line)


def open_corpus(prompts: Prompts, base: Path) -> Corpus:
    """The corpus that a scenario in the folder `base` names; `UsageError` when it is not the recorded one."""
    corpus = load_corpus(find_corpus(prompts.corpus, base))
    if prompts.sha256 not in {None, corpus.sha256}:
        raise UsageError(
            f"{corpus.file} is not the corpus that the scenario was recorded with (its sha256 differs); "
            f"bring that one back, or name one with --corpus to use it all the same"
        )
    return corpus


def find_corpus(name: str, base: Path) -> Path:
    """The file of a shipped corpus, or, for a name with a slash or a suffix, a file relative to `base`.

    Raises `UsageError` when there is none.
    """
    if "/" in name or Path(name).suffix:
        file = base / Path(name).expanduser()
        if not file.is_file():
            raise UsageError(f"no corpus file {file}; a path is relative to the scenario's folder")
        return file
    folder = shipped_folder("sample_corpora")
    file = folder / f"{name}{_SUFFIX}"
    if not name or not file.is_file():
        shipped = ", ".join(sorted(path.stem for path in folder.glob(f"*{_SUFFIX}")))
        raise UsageError(
            f"no corpus {name!r}; there is {shipped}, or name a file, as in ./{name or 'my'}.jsonl"
        )
    return file


def load_corpus(path: Path) -> Corpus:
    """Read all of it; raises `CorpusError` at the first line that can't be sent."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"can't be read: {error.strerror}", file=str(path)) from error
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    first_line: dict[str, int] = {}
    prompts: list[Prompt] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        prompt = _prompt(line, str(path), number)
        if prompt.id in first_line:
            raise CorpusError(
                f"{prompt.id!r} is the id of line {first_line[prompt.id]} too; each prompt needs its own",
                file=str(path), line=number, key="id",
            )  # fmt: skip
        first_line[prompt.id] = number
        prompts.append(prompt)
    if not prompts:
        raise CorpusError("holds no prompts; write one JSON object a line", file=str(path))
    return Corpus(path.stem, tuple(prompts), hashlib.sha256(data).hexdigest(), path)


def _prompt(line: bytes, file: str, number: int) -> Prompt:
    if len(line) > LONGEST_LINE:
        raise CorpusError(
            f"is {len(line):,} bytes long, more than {LONGEST_LINE:,}; one line holds one prompt",
            file=file, line=number,
        )  # fmt: skip
    try:
        line.decode()
        read = _DECODER.decode(line)
    except UnicodeDecodeError as error:
        raise CorpusError(f"is not UTF-8 (byte {error.start + 1})", file=file, line=number) from None
    except msgspec.ValidationError as error:
        # "Expected `str`, got `int` - at `$.id`"
        reason, _, place = str(error).partition(" - at `$.")
        raise CorpusError(reason, file=file, line=number, key=place.rstrip("`") or None) from None
    except msgspec.DecodeError as error:
        raise CorpusError(f"is not JSON: {error}", file=file, line=number) from None
    wrong = _wrong(read)
    if wrong is not None:
        key, reason = wrong
        raise CorpusError(reason, file=file, line=number, key=key)
    return Prompt(read.id, read.messages, read.tags, read.max_tokens)


def _wrong(line: _Line) -> tuple[str, str] | None:
    """The key and the reason of what can't be sent, if anything."""
    if not line.id.strip():
        return "id", "is empty"
    if line.max_tokens is not None and line.max_tokens < 1:
        return "max_tokens", f"must be at least 1, not {line.max_tokens}"
    if not line.messages:
        return "messages", "is empty; a prompt has at least one message"
    for position, message in enumerate(line.messages):
        if (wrong := _wrong_message(message)) is not None:
            return f"messages[{position}].{wrong[0]}", wrong[1]
    if line.messages[-1]["role"] not in {"user", "tool"}:
        return f"messages[{len(line.messages) - 1}].role", "the last message must be the user's (or a tool's)"
    return None


def _wrong_message(message: dict[str, Any]) -> tuple[str, str] | None:
    role = message.get("role")
    if role not in _ROLES:
        said = "is missing" if role is None else f"is {role!r}"
        return "role", f"{said}; it is one of {', '.join(_ROLES)}"
    content = message.get("content")
    if role == "assistant" and message.get("tool_calls"):
        return None
    if not isinstance(content, str | list) or not content:
        return "content", "must be text, or a list of parts, and not empty"
    return None
