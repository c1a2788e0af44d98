"""Where each key of a TOML document stands. Pure.

The document is known to be sound (`tomllib` has read it), so this only follows its shape: tables, arrays of
tables, dotted keys, inline tables, and values that go over several lines.
"""

import bisect
import re
import tomllib

Path = tuple[str | int, ...]
"""Keys and positions from the root: `("load", "stages", 1, "hold")`."""

_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]+)?")
"""A number, a flag or a time, which may have a space in its middle."""


class Lines:
    """The line of every key; a path that isn't there has the line of the nearest one above it."""

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()

    def __getitem__(self, path: Path) -> int:
        """Counted from 1."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


class _Scanner:
    """One pass over the document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        """Elements so far of each array of tables."""

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> Path:
        line, double = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        path: Path = ()
        for name in (keys := self._keys())[:-1]:
            path = self._last((*path, name))
            self._lines.setdefault(path, line)
        path = (*path, keys[-1])
        self._lines.setdefault(path, line)
        if double:
            self._counts[path] = self._counts.get(path, 0) + 1
        path = self._last(path)
        self._lines[path] = line
        self._at += 2 if double else 1
        return path

    def _last(self, path: Path) -> Path:
        """An array of tables is meant by its newest element."""
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _pair(self, table: Path) -> None:
        line, path = self._line(), table
        for name in self._keys():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _keys(self) -> list[str]:
        """A dotted key, and the space around it."""
        names: list[str] = []
        while True:
            self._pass(_SPACE)
            quoted = self._text[self._at] in "\"'"
            token = self._pass(_STRING if quoted else _BARE_KEY)
            names.append(tomllib.loads(f"k = {token}")["k"] if quoted else token)
            self._pass(_SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _value(self, path: Path) -> None:
        self._pass(_SPACE)
        match self._text[self._at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._pass(_STRING)
            case _:
                self._pass(_BARE_VALUE)

    def _array(self, path: Path) -> None:
        self._at += 1
        position = 0
        while self._skip() != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._lines[*path, position] = self._line()
            self._value((*path, position))
            position += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip() != "}":
            if self._text[self._at] == ",":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _skip(self) -> str:
        """Go to the next token; its first character, or nothing at the end."""
        self._pass(_SKIP)
        return self._text[self._at : self._at + 1]

    def _pass(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, "the document was read by tomllib"
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect.bisect_left(self._ends, self._at) + 1
