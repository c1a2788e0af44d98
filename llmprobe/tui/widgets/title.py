"""The title of a pane: the key that leads to it, its name, and which of its faces is shown."""

from textual.content import Content


def pane_title(number: int | None, name: str, face: str = "") -> Content:
    """For `border_title`."""
    key = f"{number} " if number is not None else ""
    return Content.assemble(
        (key, "$accent"), (name, "bold $foreground"), (f" {face}" if face else "", "$dim")
    )
