"""Text from outside: no keys in it, and nothing that a terminal obeys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.scrub import (
    HIDDEN,
    LONGEST,
    carries_secret,
    clean,
    is_secret_field,
    is_secret_header,
    looks_like_key,
    scrub,
)

KEYS = [
    "sk-abcdefgh12345678",
    "sk-proj-Ab_cd-12345678",
    "sk-ant-api03-abcdefghijk",
    "gsk_abcdefghijklmnop1234",
    "hf_abcdefghijklmnopqrst",
    "xai-abcdefghijk123",
    "AIzaSyA1234567890abcdefghijk",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("key", KEYS)
def test_what_looks_like_a_key_is_removed_wherever_it_stands(key: str) -> None:
    assert (
        scrub(f"Incorrect key provided: {key}. Try again.") == f"Incorrect key provided: {HIDDEN}. Try again."
    )
    assert looks_like_key(key)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Authorization: Bearer abc", "Authorization: ***"),
        ("sent 'Bearer abcdef123=='", "sent 'Bearer ***'"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ('{"x-api-key": "zzz", "model": "m"}', '{"x-api-key": "***", "model": "m"}'),
        ('{"api_key":"zzz"}', '{"api_key":"***"}'),
        ("x-team-access-token=zzz;", "x-team-access-token=***;"),
        ("Cookie: session=zzz", "Cookie: ***"),
        ("GET https://h/v1?key=zzz&x=1", "GET https://h/v1?key=***&x=1"),
        ("can't reach http://user:pass@host/v1", "can't reach http://host/v1"),
    ],
)
def test_values_with_the_name_of_a_secret_are_removed(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 5000 exceeds the limit of 4096",
        "Rate limit reached for requests per min. Limit: 3 / min.",
        "This model's maximum context length is 8192 tokens",
        "keyboard: qwerty, monkey: yes, tokens=5",
        "https://host/path?model=x",
        "a task-based approach to risk-management",
    ],
)
def test_ordinary_errors_stay_as_they_are(text: str) -> None:
    assert scrub(text) == text


def test_known_secrets_are_removed_in_each_spelling_longest_first() -> None:
    secret = 'pa"ss/wörd'

    scrubbed = scrub('a pa"ss/wörd b pa\\"ss/w\\u00f6rd c pa%22ss%2Fw%C3%B6rd d', ['pa"ss', secret])

    assert scrubbed == "a *** b *** c *** d"


def test_a_secret_of_one_letter_does_not_riddle_the_text() -> None:
    assert scrub("no such model: x-large", ["x"]) == "no such model: x-large"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert scrub("x" * LONGEST) == "x" * 500
    assert scrub("x" * 501) == "x" * 499 + "…"


def test_a_key_is_removed_before_the_cut_can_halve_it() -> None:
    assert "sk-abc" not in scrub("x " * 245 + "sk-abcdefgh12345678 and more")


@given(st.text(), st.sampled_from(KEYS), st.text())
def test_no_key_survives_next_to_other_words(before: str, key: str, after: str) -> None:
    assert key not in scrub(f"{before} {key} {after}")


@given(st.lists(st.sampled_from(["a-", "x_", "\x1b]", "http://", "sk-", "bearer ", "api_key ", "eyJ", ": "])))
def test_scrubbing_twice_changes_nothing_more(parts: list[str]) -> None:
    once = scrub("".join(parts))

    assert scrub(once) == once


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b[2J\x1b[10;10Hgone", "gone"),
        ("\x1b[?1049h\x1b[>4;2m", ""),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0~\x1b\\text", "text"),
        ("\x1bc\x1b(Btext", "text"),
        ("\x9b31mtext\x9d0;t\x9c", "text"),
        ("\x1b", ""),
        ("a\x1b]0;never ended", "a]0;never ended"),
        ("bell\x07 back\x08 null\x00 del\x7f nel\x85", "bell back null del nel"),
        ("over\rwritten", "overwritten"),
        ("windows\r\nline", "windows\nline"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\u2028a\u2029", "\na\n"),
        ("abc\u202etxt.exe\u2066x\u2069", "abctxt.exex"),
        ("z\u200be\u200dr\u2060o\ufeff", "zero"),
        ("tag\U000e0041", "tag"),
        ("half \ud83d", "half \ufffd"),
        ("Grüße, 你好, שלום, 🍕, e\u0301", "Grüße, 你好, שלום, 🍕, e\u0301"),
        ("[bold]markup[/b] is text", "[bold]markup[/b] is text"),
    ],
)
def test_a_terminal_gets_nothing_to_obey(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters()) | st.text(st.sampled_from("\x1b[]\\;m0P\x07\x9b\x9c\x9d \ud800\r\n")))
def test_no_control_character_is_left_and_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)

    assert all(c in "\n\t" or (c >= " " and not "\x7f" <= c < "\xa0") for c in once)
    assert clean(once) == once
    once.encode()


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "X-Api-Key",
        "api-key",
        "Cookie",
        "X-Team-Token",
        "X-Goog-Api-Key",
    ],
)
def test_headers_that_carry_keys_are_known_by_name(name: str) -> None:
    assert is_secret_header(name)
    assert is_secret_header(name.lower())


@pytest.mark.parametrize(
    "name", ["X-Team", "X-Request-Id", "Idempotency-Key", "Content-Type", "X-Keyboard", "Author"]
)
def test_other_headers_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret_header(name)


@pytest.mark.parametrize(
    "name", ["api_key", "apikey", "API-KEY", "access_token", "password", "client_secret", "key"]
)
def test_fields_that_carry_keys_are_known_by_name(name: str) -> None:
    assert is_secret_field(name)


@pytest.mark.parametrize("name", ["max_tokens", "prompt_cache_key", "stop_token", "api_key_env", "keyword"])
def test_other_fields_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret_field(name)


@pytest.mark.parametrize(
    "url", ["http://u:p@h/v1", "http://token@h/", "https://h/v1?api_key=x", "https://h/?key=${K}"]
)
def test_an_address_with_a_secret_is_noticed(url: str) -> None:
    assert carries_secret(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "https://h/v1?version=2", "${LLM_URL:-http://h/v1}"]
)
def test_a_plain_address_is_none(url: str) -> None:
    assert not carries_secret(url)
