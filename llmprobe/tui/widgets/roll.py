"""A cursor in a list that is longer than its window. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Roll:
    """`first` is the entry in the top line; `settle` after each change keeps the cursor in sight."""

    first: int = 0
    cursor: int = 0

    def move(self, by: int, total: int, rows: int) -> None:
        """The cursor up or down."""
        self.cursor += by
        self.settle(total, rows)

    def slide(self, by: int, total: int, rows: int) -> None:
        """The window up or down; the cursor comes along where it would leave it."""
        self.first = max(0, min(self.first + by, total - rows))
        self.cursor = min(max(self.cursor, self.first), self.first + max(0, rows - 1))
        self.settle(total, rows)

    def settle(self, total: int, rows: int) -> None:
        """Back inside the list and the window."""
        self.cursor = max(0, min(self.cursor, total - 1))
        self.first = min(max(self.first, self.cursor - rows + 1), self.cursor)
        self.first = max(0, min(self.first, total - rows))
