"""Endpoint, model, key name and output limit, edited in place under the header."""

from collections.abc import Iterable

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import clean
from llmprobe.tui.edit import edited
from llmprobe.tui.screens.dialog import Dialog, plain
from llmprobe.tui.widgets.reader import Reader

_HINT = "a blank model is asked of the endpoint; the key stays in the environment, only its name is kept"


class EndpointScreen(Dialog[Scenario]):
    """Answers the changed scenario, or None. Says what is wrong while it is typed."""

    heading = "Endpoint"
    foot = "Enter open · Tab next · Esc cancel"

    def __init__(self, scenario: Scenario, *, running: bool) -> None:
        super().__init__()
        self._scenario = scenario
        self._hint = "opening another endpoint ends this run; its folder is kept" if running else _HINT

    def body(self) -> Iterable[Widget]:
        """Four fields and a line that judges them."""
        endpoint, limit = self._scenario.endpoint, self._scenario.prompts.max_tokens
        for name, label, value, blank in (
            ("url", "URL", endpoint.url, "http://127.0.0.1:8000/v1, or sim"),
            ("model", "model", endpoint.model or "", "asked of the endpoint"),
            ("key", "key from env", endpoint.api_key_env or "", "NAME of the variable that holds it"),
            ("tokens", "max tokens", "" if limit is None else str(limit), "no output limit"),
        ):
            field = Input(clean(value), placeholder=blank, id=name, compact=True, select_on_focus=False)
            yield Horizontal(Reader(plain(label, role="dim")), field, classes="field")
        yield Reader(plain(self._hint, role="dim"), ident="verdict")

    @on(Input.Changed)
    def judge(self) -> None:
        """Say at once what is wrong."""
        try:
            self._read()
        except UsageError as error:
            self.query_one("#verdict", Reader).rewrite(plain(f"✖ {error.message}", role="bad"))
        else:
            self.query_one("#verdict", Reader).rewrite(plain(self._hint, role="dim"))

    @on(Input.Submitted)
    def submit(self) -> None:
        """Leave with the changed scenario, if it is sound."""
        try:
            self.dismiss(self._read())
        except UsageError:
            self.judge()

    def _read(self) -> Scenario:
        def field(name: str) -> str:
            return self.query_one(f"#{name}", Input).value

        return edited(
            self._scenario, url=field("url"), model=field("model"), api_key_env=field("key"),
            max_tokens=field("tokens"),
        )  # fmt: skip
