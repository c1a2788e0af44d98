"""A field of one line. A key in it is never shown; a curl command, which may hold one, is read at once."""

from textual import events
from textual.message import Message
from textual.widgets import Input

from llmprobe.core.errors import UsageError
from llmprobe.core.scrub import clean, may_carry_secret
from llmprobe.scenario.curl import Pasted, is_curl, parse_curl


class Field(Input):
    """An input that posts what a curl command says in place of showing it."""

    class Curl(Message):
        """A command was pasted: what it says, or what stands in the way."""

        def __init__(self, said: Pasted | str) -> None:
            super().__init__()
            self.said = said

    def __init__(self, value: str, *, placeholder: str, ident: str) -> None:
        super().__init__(clean(value), placeholder=placeholder, id=ident, compact=True, select_on_focus=False)

    def on_paste(self, event: events.Paste) -> None:
        """A command goes round the field."""
        if is_curl(event.text):
            event.prevent_default()
            event.stop()
            self._read(event.text)

    def watch_value(self) -> None:
        """What has a key in it, or may have, is hidden like a password from its first letter on."""
        self.password = is_curl(self.value) or may_carry_secret(self.value)

    def take_command(self) -> bool:
        """Read what was typed, if it is a command; whether it was."""
        if not is_curl(self.value):
            return False
        command, self.value = self.value, ""
        self._read(command)
        return True

    def _read(self, command: str) -> None:
        try:
            self.post_message(self.Curl(parse_curl(command)))
        except UsageError as error:
            self.post_message(self.Curl(error.message))
