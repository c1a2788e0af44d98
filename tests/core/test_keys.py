"""A key goes only where it was meant."""

import pytest

from llmprobe.core.errors import UsageError
from llmprobe.core.keys import KEY_OF_HOST, check_env_name, key_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://API.ANTHROPIC.COM/v1", "ANTHROPIC_API_KEY"),
        ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    ],
)
def test_a_known_host_gets_its_own_key(url: str, name: str) -> None:
    assert key_name(url, None) == name


@pytest.mark.parametrize(
    "url",
    [
        "https://llm.example/v1",
        "https://api.openai.com.example/v1",
        "https://evil-api.openai.com/v1",
        "https://example/api.openai.com",
        "https://api.openai.com@example/v1",
        "http://10.0.0.5:8000/v1",
        "http://127.0.0.1:8000/v1",
        "http://localhost:8000/v1",
        "sim",
        "sim:small-gpu",
    ],
)
def test_any_other_host_gets_none(url: str) -> None:
    assert key_name(url, None) is None


@pytest.mark.parametrize(
    "url",
    ["https://llm.example/v1", "http://127.0.0.1:8000/v1", "http://[::1]/v1", "https://api.openai.com/v1"],
)
def test_the_key_that_was_asked_for_goes_along(url: str) -> None:
    assert key_name(url, "TEAM_KEY") == "TEAM_KEY"


def test_the_simulated_endpoint_gets_none_even_if_asked() -> None:
    assert key_name("sim", "TEAM_KEY") is None


@pytest.mark.parametrize(
    ("url", "asked"), [("http://10.0.0.5:8000/v1", "TEAM_KEY"), ("http://api.openai.com/v1", None)]
)
def test_a_key_never_crosses_a_network_in_the_clear(url: str, asked: str | None) -> None:
    with pytest.raises(UsageError, match=r"would carry the key in \$\w+ in the clear; write https://"):
        key_name(url, asked)


@pytest.mark.parametrize("name", ["LLM_KEY", "_x", "key2"])
def test_a_variable_may_have_any_usual_name(name: str) -> None:
    check_env_name(name)


@pytest.mark.parametrize(
    "name", ["", "sk-abcdefgh12345678", "gsk_abcdefghijklmnop12", "A KEY", "2KEY", "$LLM_KEY"]
)
def test_a_key_in_the_place_of_its_name_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(UsageError, match="takes the name of an environment variable") as caught:
        key_name("https://llm.example/v1", name)
    assert not name or name not in caught.value.message


def test_hosts_are_whole_names_in_lower_case() -> None:
    assert all(host == host.lower() and "*" not in host and "." in host for host in KEY_OF_HOST)
