"""Which panes a screen of a given size shows. Pure."""

from enum import StrEnum

LEAST_WIDTH, LEAST_HEIGHT = 60, 20
"""Below this nothing can be laid out."""
WIDTHS = [(0, "-narrow"), (80, "-normal"), (120, "-wide"), (170, "-huge")]
"""From how many columns on a screen has which CSS class."""
HEIGHTS = [(0, "-low"), (24, "-medium"), (36, "-tall"), (48, "-towering")]


class Pane(StrEnum):
    """The panes, by the id of their widget, in the order of Tab and of the keys 1 to 6."""

    LOAD = "load"
    FIGURES = "figures"
    CAPACITY = "capacity"
    STREAMS = "streams"
    EVENTS = "events"
    DETAILS = "details"


BODY = (Pane.FIGURES, Pane.CAPACITY, Pane.STREAMS, Pane.EVENTS, Pane.DETAILS)
"""Those that take turns where there is room for one; the load stays in sight."""


def fits(width: int, height: int) -> bool:
    """Whether the screen is large enough to work on."""
    return width >= LEAST_WIDTH and height >= LEAST_HEIGHT


def one_at_a_time(width: int, height: int) -> bool:
    """Whether tabs choose the one pane there is room for."""
    return width < 80 or height < 24


def has_events(width: int, height: int) -> bool:
    """Whether the events have a place of their own."""
    return width >= 120 and height >= 36


def has_details(width: int, height: int) -> bool:
    """Whether objectives, budget, probe, endpoint and prompts have a column of their own."""
    return width >= 170 and height >= 36


def visible_panes(width: int, height: int, body: Pane, *, zoomed: Pane | None) -> frozenset[Pane]:
    """What to show: `body` where there is room for one, else all, or `zoomed` alone with the load."""
    if not fits(width, height):
        return frozenset()
    if zoomed is not None:
        return frozenset({Pane.LOAD, zoomed})
    if one_at_a_time(width, height):
        return frozenset({Pane.LOAD, body})
    everywhere = {Pane.LOAD, Pane.FIGURES, Pane.CAPACITY, Pane.STREAMS}
    if has_events(width, height):
        everywhere.add(Pane.EVENTS)
    if has_details(width, height):
        everywhere.add(Pane.DETAILS)
    return frozenset(everywhere if body in everywhere else {Pane.LOAD, body})
