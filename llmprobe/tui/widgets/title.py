"""The title of a pane, with the key that leads to it."""

from textual.content import Content


def pane_title(number: int | None, name: str, face: str = "") -> Content:
    """Key, name, and which of its faces is shown."""
    key = f"{number} " if number is not None else ""
    which = f" {face}" if face else ""
    return Content.assemble((key, "$accent"), (name, "bold $foreground"), (which, "$dim"))
