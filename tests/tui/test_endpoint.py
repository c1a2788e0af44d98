"""The endpoint dialog: typed, pasted, picked, tried."""

from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from llmprobe.core.errors import EndpointError
from llmprobe.core.offer import Offer, Offers
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.session import offers
from llmprobe.tui.app import answering
from llmprobe.tui.widgets.picks import Picks

pytestmark = pytest.mark.anyio

_KEY = "sk-proj-abcdefghijklmnop1234"
_CURL = (
    "curl -k https://llm.example.org/v1 \\\r  -H 'X-Team: search' "
    '-d \'{"model": "m", "max_tokens": 9, "top_k": 1}\''
)
_PROD = Offer(
    "prod", Endpoint(url="https://p.example.org/v1", model="m", headers={"X": "1"}), "endpoints.toml", "m"
)
_OLLAMA = Offer("Ollama", Endpoint(url="http://127.0.0.1:11434/v1"), "answers on 11434", "llama3:8b")


def _field(app: Any, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", Input).value)


async def _paste(pilot: Any, stage: Any, text: str) -> None:
    pilot.app.post_message(events.Paste(text))
    await stage.look(pilot)


async def _until(pilot: Any, seen: Any) -> None:
    while not seen():
        await pilot.pause()


async def test_a_pasted_curl_command_becomes_the_endpoint(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession(), stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _paste(pilot, stage, _CURL)
        assert (_field(app, "url"), _field(app, "model")) == ("https://llm.example.org/v1", "m")
        assert _field(app, "tokens") == "9"
        assert "headers X-Team · body top_k" in stage.text_of(app)
        await pilot.press("enter")
        await stage.look(pilot)
        opened = app.feed.scenario
        assert opened.endpoint == Endpoint(
            url="https://llm.example.org/v1", model="m", headers={"X-Team": "search"}, body={"top_k": 1},
            insecure=True,
        )  # fmt: skip
        assert opened.prompts.max_tokens == 9


@pytest.mark.parametrize("way", ["pasted", "typed", "pasted elsewhere"])
async def test_a_key_in_a_command_is_never_shown_and_asked_for_by_name(
    build: Any, stage: Any, way: str
) -> None:
    command = f"curl https://llm.example.org/v1 -H 'Authorization: Bearer {_KEY}'"
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e")
        if way == "typed":
            field = app.screen.query_one("#url", Input)
            field.value = command
            await stage.look(pilot)
            assert _KEY not in stage.text_of(app)
            await pilot.press("enter")
        else:
            if way == "pasted elsewhere":
                await pilot.press("tab")
            await _paste(pilot, stage, command)
        await stage.look(pilot)
        assert app.focused.id == "key"
        assert _field(app, "key") == "LLM_API_KEY"
        shown = " ".join(stage.text_of(app).split())
        assert "the key in Authorization was not kept" in shown
        assert "$LLM_API_KEY is not set" in shown
        assert _KEY not in stage.text_of(app)
        assert all(_KEY not in field.value for field in app.screen.query(Input))
        assert _KEY not in repr(app.screen.__dict__)


async def test_a_command_that_will_not_do_says_why_and_changes_nothing(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _paste(pilot, stage, f"curl https://x.org -u me:{_KEY}")
        assert "has --user, which sends a password" in stage.text_of(app)
        assert _field(app, "url") == stage.SCENARIO.endpoint.url
        assert _KEY not in stage.text_of(app)


async def test_other_text_is_pasted_as_it_is(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _paste(pilot, stage, "/x")
        assert _field(app, "url") == stage.SCENARIO.endpoint.url + "/x"


async def test_what_is_offered_is_picked_by_keys_and_opened(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession(), stage.FakeSession(), offers=Offers((_PROD,), (_OLLAMA,)))
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _until(pilot, lambda: app.screen.query_one(Picks).display)
        await stage.look(pilot)
        assert "answers on 11434 · llama3:8b" in stage.text_of(app)
        await pilot.press("down", "down", "down", "down", "enter")
        assert _field(app, "url") == "https://p.example.org/v1"
        await pilot.press("enter")
        await stage.look(pilot)
        assert app.feed.scenario.endpoint == _PROD.endpoint


async def test_what_is_offered_is_picked_by_a_click(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession(), offers=Offers((_PROD,), (_OLLAMA,)))
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _until(pilot, lambda: app.screen.query_one(Picks).size.height == 4)
        await pilot.click(Picks, offset=(4, 3))
        await stage.look(pilot)
        assert _field(app, "url") == "http://127.0.0.1:11434/v1"
        assert app.focused.id == "url"


async def test_a_broken_file_of_names_is_told_and_the_rest_is_offered(build: Any, stage: Any) -> None:
    app = build(
        stage.FakeSession(), offers=Offers((), (_OLLAMA,), "endpoints.toml:3: prod.key: is not taken")
    )
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _until(pilot, lambda: app.screen.query_one(Picks).display)
        await stage.look(pilot)
        assert "✖ endpoints.toml:3: prod.key: is not taken" in stage.text_of(app)
        assert "Ollama" in stage.text_of(app)


async def test_the_models_of_the_typed_endpoint_are_listed_on_demand(
    build: Any, stage: Any, monkeypatch: Any
) -> None:
    asked: list[str] = []

    def find(scenario: Scenario) -> list[str]:
        asked.append(scenario.endpoint.url)
        return ["small", "la\x1b[31mrge"]

    monkeypatch.setattr(offers, "find_models", find)
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e", "end", "/", "x")
        assert asked == []
        await pilot.press("ctrl+l")
        await _until(pilot, lambda: isinstance(app.focused, Picks))
        await stage.look(pilot)
        assert asked == [stage.SCENARIO.endpoint.url + "/x"]
        assert "large" in stage.text_of(app)
        await pilot.press("enter")
        assert _field(app, "model") == "small"
        assert app.focused.id == "model"


async def test_models_that_are_not_told_are_a_sentence(build: Any, stage: Any, monkeypatch: Any) -> None:
    def find(scenario: Scenario) -> list[str]:
        raise EndpointError("nobody answers there")

    monkeypatch.setattr(offers, "find_models", find)
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        await pilot.press("e", "ctrl+l")
        await _until(pilot, lambda: "✖ nobody answers there" in stage.text_of(app))


async def test_a_test_request_goes_to_what_is_typed_by_a_session_of_its_own(build: Any, stage: Any) -> None:
    open_one, tried = stage.FakeSession(), stage.FakeSession()
    app = build(open_one, tried)
    async with stage.running(app) as pilot:
        await pilot.press("e", "end", "/", "x", "ctrl+t")
        await _until(pilot, lambda: tried.named("close"))
        await stage.look(pilot)
        assert "Test request" in stage.text_of(app)
        assert tried.seen.scenario.endpoint.url == stage.SCENARIO.endpoint.url + "/x"
        assert open_one.named("test") == open_one.named("close") == []
        assert app.feed.session is open_one


async def test_a_test_request_that_leaves_this_machine_is_asked_about(build: Any, stage: Any) -> None:
    tried = stage.FakeSession()
    app = build(stage.FakeSession(), tried)
    async with stage.running(app) as pilot:
        await pilot.press("e")
        await _paste(pilot, stage, "curl https://llm.example.org/v1")
        await pilot.press("ctrl+t")
        await stage.look(pilot)
        assert "One request leaves this machine" in stage.text_of(app)
        await pilot.press("escape")
        await stage.look(pilot)
        assert tried.calls == []


@pytest.mark.parametrize(("local", "said"), [
    ((_OLLAMA,), "Ollama answers on 11434"),
    ((_OLLAMA, Offer("vLLM", Endpoint(url="http://127.0.0.1:8000/v1"), "answers on 8000", "")),
     "Ollama on 11434 and vLLM on 8000 answer"),
])  # fmt: skip
def test_what_answers_on_this_machine_is_one_line(local, said):
    assert answering(local) == said


@pytest.mark.parametrize(("url", "told"), [("sim", True), ("http://127.0.0.1:8000/v1", False)])
async def test_whoever_starts_on_the_simulator_hears_of_a_real_endpoint(
    build: Any, stage: Any, url: str, told: bool
) -> None:
    app = build(
        stage.FakeSession(), scenario=Scenario(endpoint=Endpoint(url=url)), offers=Offers((), (_OLLAMA,))
    )
    async with stage.running(app) as pilot:
        await app._look_around()
        await stage.look(pilot)
        assert ("Ollama answers on 11434: e to open it" in stage.text_of(app)) is told


@pytest.mark.parametrize(
    ("typed", "secret"),
    [
        ("https://ann:hunter2@api.example.org/v1", "hunter2"), ("https://ann:hunter", "hunter"),
        ("https://api.example.org/v1?api_key=abc123", "abc123"), ("sk-abcdefghijkl1234", "sk-abc"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["url", "key"])
async def test_a_key_that_is_typed_is_hidden_and_refused(
    build: Any, stage: Any, field: str, typed: str, secret: str
) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session), (120, 36)) as pilot:
        await pilot.press("e")
        await stage.look(pilot)
        pilot.app.screen.query_one(f"#{field}").value = ""
        pilot.app.screen.query_one(f"#{field}").focus()
        await pilot.press(*typed, "enter")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert secret not in shown
        assert "✖ " in shown
        assert not session.named("close")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "sim:small-gpu?speed=10"]
)
async def test_an_address_without_a_secret_is_not_hidden(build: Any, stage: Any, url: str) -> None:
    async with stage.running(build(stage.FakeSession()), (120, 36)) as pilot:
        await pilot.press("e")
        pilot.app.screen.query_one("#url").value = url
        await stage.look(pilot)
        assert url in stage.text_of(pilot.app)
