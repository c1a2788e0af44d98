"""Curl commands as documentation shows them and people paste them, and what must not get through."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint
from llmprobe.scenario.curl import is_curl, parse_curl
from llmprobe.scenario.shell_words import words

KEY = "sk-proj-abcdefghijklmnop1234"
_URL = "https://llm.example.org/v1/chat/completions"


@pytest.mark.parametrize(("command", "found"), [
    ("curl a  b", ["curl", "a", "b"]),
    ("curl \\\n  a \\\r\n\tb\nc", ["curl", "a", "b", "c"]),
    ("curl \\\r  a\rb", ["curl", "a", "b"]),
    ("""curl 'a b' "c d" e\\ f""", ["curl", "a b", "c d", "e f"]),
    ("""curl 'it'"'"'s' 'it'\\''s'""", ["curl", "it's", "it's"]),
    (r"""curl "a\"b\\c\$d\n" """, ["curl", 'a"b\\c$d\\n']),
    (r"""curl $'a\'b\n\t\x41\u00e9\101\\\q'""", ["curl", "a'b\n\tA\u00e9A\\\\q"]),
    ("""curl $"x" $A ''""", ["curl", "x", "$A", ""]),
    ("curl a | jq . ; rm -rf /", ["curl", "a"]),
    ("curl a > out.json", ["curl", "a"]),
    ("curl a 2>/dev/null", ["curl", "a"]),
    ("curl a2>out", ["curl", "a2"]),
])  # fmt: skip
def test_words_are_those_of_bash(command, found):
    assert words(command) == found


@pytest.mark.parametrize("command", ["a; b", "a && b", "a & b", "a || b", "a <in", "$(a)", "(a)"])
def test_more_than_one_command_is_refused(command):
    with pytest.raises(ValueError, match="more than one command"):
        words(f"curl {command}")


@pytest.mark.parametrize("command", ["'a", '"a', "$'a", 'a "b\\"', "a \\"])
def test_what_never_ends_is_refused(command):
    with pytest.raises(ValueError, match=r"never closes|in the middle"):
        words(f"curl {command}")


@given(st.text(alphabet="ab '\"\\$\n|x0u{}-", max_size=60))
def test_any_text_is_words_or_refused(text):
    with contextlib.suppress(ValueError):
        assert all(isinstance(word, str) for word in words(text))


def test_the_command_that_documentation_shows():
    pasted = parse_curl(
        """curl https://api.openai.com/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -d '{
    "model": "gpt-4o-mini", "temperature": 0.2, "max_tokens": 20, "stream": true,
    "messages": [{"role": "user", "content": "Hello!"}]
  }'"""
    )
    assert pasted.endpoint == Endpoint(
        url="https://api.openai.com/v1/chat/completions", model="gpt-4o-mini", api_key_env="OPENAI_API_KEY",
        body={"temperature": 0.2},
    )  # fmt: skip
    assert pasted.max_tokens == 20
    assert pasted.key_in is None


@pytest.mark.parametrize(("options", "endpoint"), [
    ("", Endpoint(url=_URL)),
    ("-sSN -k --compressed --max-time 5 -o /dev/null -w '%{http_code}'", Endpoint(url=_URL, insecure=True)),
    ("-kXPOST", Endpoint(url=_URL, insecure=True)),
    ("--cacert ca.pem --http2", Endpoint(url=_URL, cacert="ca.pem", http2=True)),
    ("-HX-Team:search -A me", Endpoint(url=_URL, headers={"X-Team": "search", "User-Agent": "me"})),
    ("-H 'api-key: ${AZURE_KEY}'", Endpoint(url=_URL, api_key_env="AZURE_KEY")),
    ("-H 'anthropic-version: 2023-06-01'", Endpoint(url=_URL, headers={"anthropic-version": "2023-06-01"})),
    ("-H 'Host: other' -H 'Accept: */*' -H 'X-Empty;'.", None),
    ("""--json '{"model": "m", "top_k": null}'""", Endpoint(url=_URL, model="m", body={"top_k": None})),
    ("""-d $'{"model": "m\\u0041"}'""", Endpoint(url=_URL, model="mA")),
])  # fmt: skip
def test_what_its_options_mean(options, endpoint):
    if endpoint is None:
        with pytest.raises(UsageError, match="is no header"):
            parse_curl(f"curl {options} {_URL}")
        return
    assert parse_curl(f"curl {options} {_URL}").endpoint == endpoint
    assert parse_curl(f"curl {_URL} {options}").endpoint == endpoint


def test_an_address_without_a_scheme_is_http_as_curl_has_it():
    assert parse_curl("curl localhost:8000/v1").endpoint.url == "http://localhost:8000/v1"


@pytest.mark.parametrize(("command", "key_in"), [
    (f"curl {_URL} -H 'Authorization: Bearer {KEY}'", "Authorization"),
    (f"curl {_URL} -H 'authorization: {KEY}'", "authorization"),
    (f"curl {_URL} -H 'x-api-key: hunter2hunter2'", "x-api-key"),
    (f'curl {_URL} -H "api-key: $(cat key)"', "api-key"),
    (f"curl '{_URL}?key={KEY}&a=1'", "the address"),
])  # fmt: skip
def test_a_literal_key_is_not_kept_and_becomes_a_question(command, key_in):
    pasted = parse_curl(command)
    assert pasted.key_in == key_in
    assert pasted.suggested == "LLM_API_KEY"
    assert pasted.endpoint.api_key_env is None
    assert KEY not in repr(pasted)
    assert "hunter2" not in repr(pasted)


def test_the_variable_of_a_known_host_is_suggested():
    pasted = parse_curl(f"curl https://api.anthropic.com/v1/messages -H 'x-api-key: {KEY}'")
    assert pasted.suggested == "ANTHROPIC_API_KEY"


@pytest.mark.parametrize(("command", "says"), [
    ("curl", "has no address"),
    ("curl a.org b.org", "has 2 addresses"),
    ("curl ftp://a.org", "is not an URL"),
    ("curl 'http://a.org/\x1b[31m'", "control character"),
    ("curl $BASE/v1", "variable in its address"),
    (f"curl http://me:{KEY}@a.org", "has a user in its address"),
    (f"curl http://a.org/{KEY}/v1", "has a secret in its address"),
    (f"curl a.org -u me:{KEY}", "has --user, which sends a password"),
    (f"curl a.org -ume:{KEY}", "has --user, which sends a password"),
    ("curl a.org -x proxy:1", "HTTPS_PROXY"),
    ("curl a.org -F a=b", "sends a form"),
    ("curl a.org -G -d a=b", "makes a GET"),
    ("curl a.org -X DELETE", "makes a DELETE"),
    ("curl a.org -d @body.json", "reads its body from a file"),
    ("curl a.org -d a=b", "has a body that is no JSON"),
    ("curl a.org -d '[1]'", "must be a table"),
    ("curl a.org -d '{\"model\": 3}'", "must be text"),
    ("curl a.org -d '{\"n\": 1e999}'", "has a body|can't be sent"),
    ("curl a.org -d '" + "[" * 100_000 + "'", "has a body that is no JSON"),
    (f"curl a.org -d '{{\"api_key\": \"{KEY}\"}}'", "carries a key"),
    (f"curl a.org -H 'X-Team: {KEY}'", "the header X-Team, a secret"),
    (f"curl a.org -H 'Cookie: {KEY}'", "the header Cookie, a secret"),
    (f"curl a.org -H '{KEY}'", "is no header"),
    ("curl a.org -H 'X-Team: $TEAM'", "variable in the header X-Team"),
    ("curl a.org -H $'X-Team: a\\nX: b'", "must be ASCII text on one line"),
    ("curl a.org -H", "needs a value"),
    ("curl a.org --unix-socket /x", "has --unix-socket, which llmprobe doesn't know"),
    (f"curl a.org --{KEY}", "which llmprobe doesn't know"),
    ("curl a.org; rm -rf /", "more than one command"),
    ("curl 'a.org", "never closes"),
    ("curl " + "a" * 1_000_001, "is longer than any command"),
])  # fmt: skip
def test_what_stands_in_the_way_is_one_sentence_without_a_key(command, says):
    with pytest.raises(UsageError, match=says) as caught:
        parse_curl(command)
    assert KEY not in caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(("text", "answer"), [
    ("curl x", True), ("  curl\\\n x", True), ("$ curl x", True), ("curl.exe x", True), ("curl", True),
    ("curly x", False), ("http://curl", False), ("sim", False), ("", False), ("x curl y", False),
])  # fmt: skip
def test_a_curl_command_is_told_by_its_first_word(text, answer):
    assert is_curl(text) is answer
