"""What a TARGET names."""

from pathlib import Path

import pytest

from llmprobe.cli.target import aimed, endpoint_of, scenario_of
from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint, Scenario

_KEY = "sk-proj-abcdefghijklmnop1234"
_CURL = 'curl https://llm.example.org/v1 -d \'{"model": "m", "max_tokens": 9, "top_k": 1}\''


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Write the user's endpoints.toml."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        file: Path = tmp_path / "llmprobe" / "endpoints.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return write


def test_a_name_of_the_users_own_file_is_a_target(named):
    named(
        '[prod]\nurl = "https://llm.example.org/v1"\nmodel = "m"\n'
        'api_key_env = "PROD"\nheaders = { X-T = "s" }\n'
    )
    prod = Endpoint(url="https://llm.example.org/v1", model="m", api_key_env="PROD", headers={"X-T": "s"})
    assert endpoint_of("prod", None) == prod
    assert scenario_of("prod", None) == (Scenario(endpoint=prod), Path())


def test_an_unknown_name_is_told_those_there_are(named):
    with pytest.raises(UsageError, match=r"'prod' is no URL.*there is no such file yet.*http://prod"):
        endpoint_of("prod", None)
    named('[dev]\nurl = "sim"\n[test]\nurl = "sim"\n')
    with pytest.raises(UsageError, match=r"it has dev, test"):
        scenario_of("prod", None)


@pytest.mark.parametrize(("text", "says"), [
    ('[prod]\nurl = "https://x.org"\n\napi_key = "x"\n', ":4: prod.api_key: is not taken; a key never goes"),
    (f'[prod]\nurl = "https://x.org"\nheaders = {{ Authorization = "Bearer {_KEY}" }}\n', ":3: prod.headers"),
    (f'[prod]\nurl = "https://x.org"\napi_key_env = "{_KEY}"\n', ":3: prod.api_key_env: "),
    ('[prod]\nmodel = "m"\n', ":1: prod: url is missing"),
    ('[prod]\nurl = "ftp://x"\n', ":2: prod.url: 'ftp://x' is not an URL"),
    ('[prod]\nurl = "https://x.org"\nmax_tokens = 3\n', ":3: prod.max_tokens: is unknown; prod takes url"),
    ('[prod]\nurl = "https://x.org"\ndialect = "x"\n', ":3: prod.dialect: 'x' is not a dialect"),
    ('[prod]\nurl = "https://${NO_SUCH_HOST}"\n', ":2: prod.url: $NO_SUCH_HOST is not set"),
    ('["a b"]\nurl = "sim"\n', ":1: a b: can't name an endpoint"),
    ('prod = "https://x.org"\n', ":1: prod: must be a table"),
    ("[prod\n", ":1: is not TOML"),
])  # fmt: skip
def test_what_is_wrong_in_the_file_is_said_with_its_place_and_without_a_key(named, text, says):
    file = named(text)
    with pytest.raises(UsageError) as caught:
        endpoint_of("prod", None)
    assert f"{file}{says}" in caught.value.message
    assert _KEY not in caught.value.message


def test_a_curl_command_is_a_target_with_what_its_body_says():
    scenario, _ = scenario_of(_CURL, None)
    assert scenario.endpoint == Endpoint(url="https://llm.example.org/v1", model="m", body={"top_k": 1})
    assert scenario.prompts.max_tokens == 9


def test_a_key_in_a_curl_command_is_asked_to_be_an_environment_variable():
    command = f"{_CURL} -H 'Authorization: Bearer {_KEY}'"
    with pytest.raises(UsageError, match=r"a key in Authorization.*--api-key-env LLM_API_KEY") as caught:
        scenario_of(command, None)
    assert _KEY not in caught.value.message
    assert scenario_of(command, "MY_KEY")[0].endpoint.url == "https://llm.example.org/v1"
    known = command.replace("llm.example.org", "api.openai.com")
    assert endpoint_of(known, None).url == "https://api.openai.com/v1"


def test_a_scenario_on_another_target_keeps_what_that_does_not_say_but_no_key():
    own = Endpoint(url="https://a.org", model="m", api_key_env="A", body={"top_k": 1}, headers={"X": "1"})
    assert aimed(own, Endpoint(url="https://b.org")) == Endpoint(
        url="https://b.org", model="m", body={"top_k": 1}, headers={"X": "1"}
    )
    other = Endpoint(url="https://b.org", model="n", api_key_env="B", headers={"Y": "2"})
    assert aimed(own, other) == Endpoint(
        url="https://b.org", model="n", api_key_env="B", body={"top_k": 1}, headers={"Y": "2"}
    )


def test_another_target_keeps_the_dialect_unless_its_address_is_to_tell():
    own = Endpoint(url="https://a.org", dialect="openai-responses")
    for url, spoken in (
        ("https://b.org", "openai-responses"),
        ("sim", "openai-responses"),
        ("https://b.org/v1/messages", None),
    ):
        assert aimed(own, Endpoint(url=url)).dialect == spoken
    assert aimed(own, Endpoint(url="https://b.org/v1/messages", dialect="gemini")).dialect == "gemini"


@pytest.mark.parametrize(("target", "says"), [
    ("ftp://x", "is not an URL"), ("nowhere.toml", "is no URL"), (".", "is a folder"), ("a b", "is no URL"),
    ("http://127.0.0.1:1/v 1", "a space or a control character is in it"),
    ("curl", "the curl command has no address"),
])  # fmt: skip
def test_what_is_no_target_is_said(target, says):
    with pytest.raises(UsageError, match=says):
        scenario_of(target, None)


@pytest.mark.parametrize(
    "address", ["http://u:hidden-word@127.0.0.1:1/v1", f"http://127.0.0.1:1/v1?api_key={_KEY}"]
)
def test_a_key_in_an_address_is_refused_and_not_repeated(address):
    with pytest.raises(UsageError, match="--api-key-env") as refused:
        endpoint_of(address, None)
    assert "hidden-word" not in refused.value.message
    assert _KEY not in refused.value.message
