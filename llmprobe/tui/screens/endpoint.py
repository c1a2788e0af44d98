"""Endpoint, model, key name, output limit: typed, pasted as a curl command, or picked from what there is."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, cast

from msgspec.structs import replace
from textual import on
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.core.errors import LlmprobeError, UsageError
from llmprobe.core.offer import Offer, Offers
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.scrub import clean, scrub
from llmprobe.scenario.curl import Pasted, is_curl
from llmprobe.tui.edit import edited
from llmprobe.tui.screens.dialog import CANCEL, Dialog, plain
from llmprobe.tui.widgets.field import Field
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.picks import Pick, Picks
from llmprobe.tui.widgets.reader import Reader

_HINT = "a pasted curl command works, too; a key stays in the environment"
_MOST_PICKS = 8


class EndpointScreen(Dialog[Scenario]):
    """Answers the changed scenario, or None. Says what is wrong while it is typed."""

    heading = "Endpoint"
    hints = (
        Hint("enter", "open"), Hint("down", "pick"), Hint("ctrl+l", "models"), Hint("ctrl+t", "test"), CANCEL,
    )  # fmt: skip
    BINDINGS: ClassVar = [
        Binding("ctrl+l", "models", show=False), Binding("ctrl+t", "test", show=False),
        Binding("down", "app.focus_next", show=False), Binding("up", "app.focus_previous", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        scenario: Scenario,
        *,
        running: bool,
        offers: Callable[[], Offers],
        models: Callable[[Scenario], list[str]],
        test: Callable[[Scenario], None],
    ) -> None:
        super().__init__()
        self._scenario = scenario
        self._hint = "opening another endpoint ends this run; its folder is kept" if running else _HINT
        self._offers, self._models, self._test = offers, models, test
        """What answers, and what an endpoint serves (both take their time); and one request to it."""
        self._read_from = ("", "dim")
        """What came out of a curl command, and the role to say it in."""

    def body(self) -> Iterable[Widget]:
        """Four fields, a line that judges them, and what can be picked."""
        endpoint, limit = self._scenario.endpoint, self._scenario.prompts.max_tokens
        for name, label, value, blank in (
            ("url", "URL", endpoint.url, "http://127.0.0.1:8000/v1, or sim"),
            ("model", "model", endpoint.model or "", "asked of the endpoint; ^L lists them"),
            ("key", "key from env", endpoint.api_key_env or "", "NAME of the variable that holds it"),
            ("tokens", "max tokens", "" if limit is None else str(limit), "no output limit"),
        ):
            field = Field(value, placeholder=blank, ident=name)
            yield Horizontal(Reader(plain(label, role="dim")), field, classes="field")
        yield Reader(plain(self._hint, role="dim"), ident="verdict")
        yield Picks("picks", most=_MOST_PICKS)

    def on_mount(self) -> None:
        """Look around beside the screen."""
        self.run_worker(cast("Any", self._look_around))  # its type is narrower than what it takes

    async def _look_around(self) -> None:
        offers = await asyncio.to_thread(self._offers)
        picks = [self._pick(offer) for offer in (*offers.named, *offers.local)]
        self.query_one(Picks).offer("Pick one", picks)
        if offers.trouble:
            self._say(f"✖ {offers.trouble}", role="bad")

    def _pick(self, offer: Offer) -> Pick:
        more = f"{offer.place} · {offer.serves}" if offer.serves else offer.place
        return Pick(offer.name, more, partial(self._take, offer))

    # What changes the fields

    def _take(self, offer: Offer) -> None:
        """An offer is taken whole, and opened by Enter."""
        self._read_from = ("", "dim")
        self._fill(offer.endpoint)
        self.query_one("#url", Field).focus()

    @on(Field.Curl)
    def pasted(self, event: Field.Curl) -> None:
        """A command fills the fields; a key that was in it is asked for by name."""
        if isinstance(event.said, str):
            self._say(f"✖ {event.said}", role="bad")
            return
        said = event.said
        self._read_from = (told(said), "warn" if said.key_in else "good")
        if said.max_tokens is not None:
            self._put(tokens=str(said.max_tokens))
        self._fill(said.endpoint)
        if said.key_in is not None and said.endpoint.api_key_env is None:
            self._put(key=said.suggested)
            self.query_one("#key", Field).focus()
        self.judge()

    def _fill(self, endpoint: Endpoint) -> None:
        self._scenario = replace(self._scenario, endpoint=endpoint)
        self._put(url=endpoint.url, model=endpoint.model or "", key=endpoint.api_key_env or "")

    def _put(self, **texts: str) -> None:
        for name, text in texts.items():
            self.query_one(f"#{name}", Field).value = clean(text)

    # What is asked of the endpoint

    def action_models(self) -> None:
        """List what the endpoint in the fields serves."""
        if (scenario := self._sound()) is not None:
            self._say("◌ asking for its models …", role="dim")
            self.run_worker(cast("Any", partial(self._list, scenario)))

    async def _list(self, scenario: Scenario) -> None:
        try:
            models = await asyncio.to_thread(self._models, scenario)
        except LlmprobeError as error:
            self._say(f"✖ {clean(error.message)}", role="bad")
            return
        picks = [Pick(model, "", partial(self._choose, model)) for model in models]
        listed = self.query_one(Picks)
        listed.offer(f"Its models ({len(models)})", picks)
        self._say(
            "✓ choose one of its models" if models else "it has one model and needs no name", role="good"
        )
        if models:
            listed.focus()

    def _choose(self, model: str) -> None:
        self._put(model=model)
        self.query_one("#model", Field).focus()

    def action_test(self) -> None:
        """One request to the endpoint in the fields; what is open stays open."""
        if (scenario := self._sound()) is not None:
            self._test(scenario)

    # What is typed

    @on(Input.Changed)
    def judge(self) -> None:
        """Say at once what is wrong."""
        if any(is_curl(field.value) for field in self.query(Field)):
            self._say("a curl command, hidden for the key that may be in it; Enter reads it", role="dim")
            return
        try:
            scenario = self._read()
        except UsageError as error:
            self._say(f"✖ {scrub(error.message)}", role="bad")
            return
        (read, role), missing = self._read_from, unset(scenario, os.environ)
        said = ". ".join(part for part in (read, missing) if part)
        self._say(said or self._hint, role="warn" if missing else role)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Leave with the changed scenario, if it is sound."""
        if cast("Field", event.input).take_command():
            return
        if (scenario := self._sound()) is not None:
            self.dismiss(scenario)

    def _sound(self) -> Scenario | None:
        try:
            return self._read()
        except UsageError:
            self.judge()
            return None

    def _read(self) -> Scenario:
        def field(name: str) -> str:
            return self.query_one(f"#{name}", Field).value

        return edited(
            self._scenario, url=field("url"), model=field("model"), api_key_env=field("key"),
            max_tokens=field("tokens"),
        )  # fmt: skip

    def _say(self, text: str, *, role: str) -> None:
        self.query_one("#verdict", Reader).rewrite(plain(text, role=role))


def told(pasted: Pasted) -> str:
    """What came out of a curl command beside the fields. Pure."""
    if pasted.key_in is not None:
        return f"the key in {pasted.key_in} was not kept; name the variable that holds it"
    endpoint = pasted.endpoint
    parts = [
        f"headers {', '.join(endpoint.headers)}" if endpoint.headers else "",
        f"body {', '.join(endpoint.body)}" if endpoint.body else "",
        f"trusts {endpoint.cacert}" if endpoint.cacert else "",
        "certificates unchecked" if endpoint.insecure else "",
        "HTTP/2" if endpoint.http2 else "",
    ]
    return "✓ read from the curl command" + "".join(f" · {part}" for part in parts if part)


def unset(scenario: Scenario, environ: Mapping[str, str]) -> str | None:
    """What to do where the key's variable holds nothing. Pure."""
    name = scenario.endpoint.api_key_env
    if name is None or environ.get(name, "").strip():
        return None
    return f"${name} is not set here; leave, set it, and start llmprobe again"
