"""What the adapter of plotext promises: cells, series, and where a point lands."""

import pytest

from llmprobe.tui.widgets.curve import Cell, Series, trace

WHOLE = {"x_range": (0.0, 8.0), "y_range": (0.0, 2.0)}


def place(rows: list[list[Cell]], glyph: str) -> list[tuple[int, int]]:
    return [(y, x) for y, row in enumerate(rows) for x, (mark, _) in enumerate(row) if mark == glyph]


@pytest.mark.parametrize("width", [20, 35, 60])
@pytest.mark.parametrize("height", [2, 5, 8])
def test_a_point_lands_where_its_share_of_the_ranges_says(width: int, height: int) -> None:
    for column in range(0, width, 3):
        for row in range(height):
            x, y = column / (width - 1) * 8, (height - 1 - row) / (height - 1) * 2
            rows = trace([Series([x], [y], "●")], width, height, **WHOLE)
            assert place(rows, "●") == [(row, column)]


def test_every_cell_knows_its_series_and_empty_ones_none() -> None:
    line = Series([0, 8], [0, 2], "braille")
    rows = trace([line, Series([0], [0], "●"), Series([8], [2], "○")], 20, 5, **WHOLE)
    assert [len(row) for row in rows] == [20] * 5
    assert rows[4][0] == ("●", 1)
    assert rows[0][19] == ("○", 2)
    assert {code for row in rows for _, code in row} == {None, 0, 1, 2}
    assert all((glyph == " ") == (code is None) for row in rows for glyph, code in row)


def test_nothing_to_draw_is_empty_and_keeps_nothing_of_the_picture_before() -> None:
    trace([Series([1], [1], "●")], 10, 3, **WHOLE)
    assert trace([], 10, 3, **WHOLE) == [[(" ", None)] * 10] * 3


def test_what_lies_outside_the_ranges_is_left_out() -> None:
    rows = trace([Series([4, 9], [5, 1], "●")], 10, 3, **WHOLE)
    assert place(rows, "●") == []
