"""Every key of a TOML document is found on its line."""

import tomllib
from typing import Any

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.scenario.locate import Lines, Path

DOCUMENT = '''\
format = 1
"na.me" = """a # no comment
b\\""" c""""
slo = [
  "x", # ] a comment
  'y',
]

[endpoint]
url="x"
headers = { X = "1", "a b".c = 2 }
a.b.c = 1979-05-27 07:32:00
[[steps]]
n = 1
[[steps]]
n = 2
[steps.sub]
z = ""
[[steps.deep]]
q = [[1,
 2], [{a=1}]]
  [ load ]  # indented
stages = [
  { to = 8, hold = "1s" },

  { to = 9, hold = '}' },
]
last = 0x1F
'''


def lines_of(*paths: Path) -> list[int]:
    tomllib.loads(DOCUMENT)
    lines = Lines(DOCUMENT)
    return [lines[path] for path in paths]


def test_plain_keys_and_those_behind_a_text_of_several_lines() -> None:
    assert lines_of(("format",), ("na.me",), ("slo",), ("load", "last")) == [1, 2, 4, 28]


def test_elements_of_a_list_have_lines_of_their_own() -> None:
    assert lines_of(("slo", 0), ("slo", 1), ("load", "stages", 0), ("load", "stages", 1)) == [5, 6, 24, 26]


def test_tables_stand_where_their_header_is() -> None:
    assert lines_of(("endpoint",), ("load",)) == [9, 22]


def test_inline_tables_and_dotted_keys() -> None:
    headers = ("endpoint", "headers")
    assert lines_of((*headers, "X"), (*headers, "a b", "c"), ("endpoint", "a", "b", "c")) == [11, 11, 12]


def test_arrays_of_tables_count_their_headers() -> None:
    assert lines_of(("steps", 0, "n"), ("steps", 1, "n"), ("steps", 1, "sub", "z")) == [14, 16, 18]


def test_lists_within_lists_within_an_array_of_tables() -> None:
    deep = ("steps", 1, "deep", 0, "q")
    assert lines_of((*deep, 0, 0), (*deep, 0, 1), (*deep, 1, 0, "a")) == [20, 21, 21]


def test_what_is_missing_is_told_of_the_nearest_table() -> None:
    assert lines_of(("endpoint", "model"), ("load", "stages", 1, "ramp"), ("nowhere",)) == [9, 26, 1]


keys = st.text(min_size=1, max_size=6)
plain = st.booleans() | st.integers(-99, 99) | st.text(max_size=9) | st.floats(allow_nan=False)
documents = st.dictionaries(
    keys,
    st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= paths_of(inner, (*path, name))
    if isinstance(value, list):
        for position, inner in enumerate(value):
            found |= paths_of(inner, (*path, position))
    return found


@given(documents)
def test_in_any_document_exactly_the_keys_that_tomllib_reads_are_found(document: dict[str, Any]) -> None:
    text = tomli_w.dumps(document)

    lines = Lines(text)

    assert set(lines._lines) == paths_of(tomllib.loads(text))
    assert all(1 <= line <= text.count("\n") for line in lines._lines.values())
