"""Lines of text in cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from llmprobe.tui.widgets.ascii import AsciiTable, wants_ascii
from llmprobe.tui.widgets.drawn import on_one_line
from llmprobe.tui.widgets.roll import Roll
from llmprobe.tui.widgets.spans import cut, fitted, padded, spread, tail, width_of, wrapped

PLAIN = Style()
TEXT = st.text(st.characters(exclude_categories=("C", "M")), max_size=80)


def words(line: list[tuple[str, Style]]) -> str:
    return "".join(text for text, _ in line)


def test_the_left_part_gives_way_to_the_right_one() -> None:
    assert words(spread([("RUNNING", PLAIN)], [("17%", PLAIN)], 14, PLAIN)) == "RUNNING    17%"
    assert words(spread([("RUNNING", PLAIN)], [("17%", PLAIN)], 9, PLAIN)) == "RUNN… 17%"


def test_a_cut_line_says_that_something_is_missing() -> None:
    assert words(cut([("ab", PLAIN), ("cdef", PLAIN)], 4)) == "abc…"


def test_the_tail_shows_the_newest_words() -> None:
    assert tail("the tides follow the moon", 9) == "…the moon"
    assert tail("moon", 9) == "moon"


def test_wide_characters_take_two_cells() -> None:
    assert cell_len(padded("日本語テキスト", 7)) == 7
    assert cell_len(tail("日本語テキスト", 7)) <= 7


def test_text_is_wrapped_between_words_and_keeps_its_indent() -> None:
    assert wrapped("the tides follow the moon", 10) == ["the tides", "follow the", "moon"]
    assert wrapped('{\n  "a": 1\n}', 20) == ["{", '  "a": 1', "}"]
    assert wrapped("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


@given(TEXT, st.integers(2, 40))
def test_nothing_is_ever_wider_than_asked(text: str, width: int) -> None:
    assert cell_len(fitted(text, width)) <= width
    assert cell_len(tail(text, width)) <= width
    assert cell_len(padded(text, width)) == width
    assert all(cell_len(line) <= width for line in wrapped(text, width))


@given(st.text("ab cd", max_size=120), st.integers(3, 30))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    assert "".join(wrapped(text, width)).replace(" ", "") == text.replace(" ", "")


@given(TEXT, st.integers(0, 30))
def test_a_line_that_is_spread_has_its_width(text: str, right: int) -> None:
    line = spread([(text, PLAIN)], [("r" * right, PLAIN)], 40, PLAIN)
    assert width_of(line) == 40


def test_ascii_takes_one_cell_for_each_cell() -> None:
    assert on_one_line("▶ 04:12 ━●─ ⣀⡠ é", only_ascii=True).isascii()
    assert len(on_one_line("▶ ━●─", only_ascii=True)) == 5
    assert AsciiTable()[0x2800] == " "


def test_ascii_is_asked_for_or_follows_from_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wants_ascii({"LLMPROBE_ASCII": "1"})
    assert not wants_ascii({"LLMPROBE_ASCII": "0", "TERM": "linux"})
    assert wants_ascii({"TERM": "linux"})
    monkeypatch.setattr("locale.getpreferredencoding", lambda **_: "ANSI_X3.4-1968")
    assert wants_ascii({})
    monkeypatch.setattr("locale.getpreferredencoding", lambda **_: "UTF-8")
    assert not wants_ascii({})


@given(st.lists(st.tuples(st.booleans(), st.integers(-50, 50), st.integers(0, 60), st.integers(0, 20))))
def test_a_cursor_is_always_in_sight(moves: list[tuple[bool, int, int, int]]) -> None:
    roll = Roll()
    for slides, by, total, rows in moves:
        (roll.slide if slides else roll.move)(by, total, rows)
        assert 0 <= roll.cursor <= max(0, total - 1)
        assert 0 <= roll.first <= max(0, total - rows)
        if rows and total:
            assert roll.first <= roll.cursor < roll.first + rows
