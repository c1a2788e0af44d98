"""Bars are zero-based, right-aligned, with gaps; a ceiling grows at once and shrinks late."""

import math

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from llmprobe.tui.widgets.sparks import Ceiling, heights, newest, round_up, spark_lines

CALM, ZERO, OVER = Style(color="green"), Style(dim=True), Style(color="red")


def drawn(values: list[float | None], cells: int, rows: int = 1, ceiling: float = 8.0) -> list[str]:
    lines = spark_lines(values, cells, rows, ceiling, style=CALM, zero=ZERO)
    return ["".join(text for text, _ in line) for line in lines]


def test_bars_start_at_zero_not_at_the_smallest_value() -> None:
    assert drawn([100.0, 101.0, 102.0], 3, ceiling=200.0) == ["▄▄▄"]


def test_the_newest_is_at_the_right_and_what_is_missing_is_blank() -> None:
    assert drawn([1.0, 8.0], 4) == ["  ▁█"]
    assert drawn([8.0, None, 4.0], 3) == ["█ ▄"]
    assert drawn([1.0, 2.0, 8.0], 2) == ["▂█"]


def test_nothing_measured_and_zero_look_different() -> None:
    assert drawn([None, 0.0, math.nan], 3) == [" ▁ "]


def test_a_small_value_is_still_seen() -> None:
    assert heights([0.001, 0.0], 1, 8.0) == [1, 0]


def test_two_rows_share_a_bar() -> None:
    assert drawn([8.0, 4.0, 6.0], 3, rows=2) == ["█ ▄", "███"]


def test_what_lies_above_the_limit_is_drawn_in_its_own_style() -> None:
    (line,) = spark_lines([1.0, 5.0], 2, 1, 8.0, style=CALM, zero=ZERO, over=(4.0, OVER))
    assert line == [("▁", CALM), ("▅", OVER)]


def test_values_beyond_the_ceiling_fill_the_height_and_no_more() -> None:
    assert drawn([80.0], 1) == ["█"]


@given(st.lists(st.none() | st.floats(0, 1e6)), st.integers(1, 60), st.integers(1, 4))
def test_every_line_has_exactly_its_cells(values: list[float | None], cells: int, rows: int) -> None:
    assert [len(line) for line in drawn(values, cells, rows)] == [cells] * rows
    assert len(newest(values, cells)) == cells


@given(st.floats(1e-6, 1e9))
def test_a_round_number_is_above_and_near(value: float) -> None:
    rounded = round_up(value)
    assert value <= rounded * (1 + 1e-6)
    assert rounded <= value * 2.01


def test_the_ceiling_grows_at_once_and_comes_down_late() -> None:
    ceiling = Ceiling()
    assert ceiling.settle([90.0, None]) == 100
    assert ceiling.settle([120.0]) == 150
    assert ceiling.settle([70.0]) == 150
    assert ceiling.settle([40.0]) == 50


def test_the_ceiling_never_falls_below_what_it_must_show() -> None:
    ceiling = Ceiling()
    assert ceiling.settle([], 1.5) == 1.5
    assert ceiling.settle([0.1], 1.5) == 1.5
    assert ceiling.settle([0.1], 3.0) == 3.0
