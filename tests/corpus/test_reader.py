"""A corpus is read whole or refused at a line."""

import hashlib
import json
from pathlib import Path

import pytest

from llmprobe.core.errors import CorpusError, UsageError
from llmprobe.corpus.reader import LONGEST_LINE, find_corpus, load_corpus

ASK = {"id": "a", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}


def written(tmp_path: Path, *lines: object) -> Path:
    file = tmp_path / "own.jsonl"
    file.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return file


def said(file: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        load_corpus(file)
    return caught.value.message.removeprefix(str(file.parent) + "/")


def asking(content: object = "x", role: str = "user") -> dict[str, object]:
    return {"id": "b", "messages": [{"role": role, "content": content}]}


def test_a_prompt_keeps_its_id_tags_messages_and_limit(tmp_path: Path) -> None:
    corpus = load_corpus(written(tmp_path, ASK | {"tags": ["short"], "max_tokens": 64}))

    (prompt,) = corpus.prompts
    assert (prompt.id, prompt.tags, prompt.max_tokens) == ("a", ("short",), 64)
    assert prompt.messages == ({"role": "user", "content": "Why is the sky blue?"},)


def test_a_corpus_knows_its_name_its_file_and_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = written(tmp_path, ASK)

    corpus = load_corpus(file)

    assert (corpus.name, corpus.file) == ("own", file)
    assert corpus.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_blank_lines_carriage_returns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    line = json.dumps(ASK).encode()

    corpus = load_corpus(written(tmp_path, b"\xef\xbb\xbf" + line + b"\r", b"", b"  \r"))

    assert [prompt.id for prompt in corpus.prompts] == ["a"]


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    line = '{"id":"a","messages":[{"role":"user","content":"x\u2028y\u0085z"}]}'.encode()

    (prompt,) = load_corpus(written(tmp_path, line)).prompts

    assert prompt.messages[0]["content"] == "x\u2028y\u0085z"


def test_content_may_be_a_list_of_parts(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "hello"}]

    assert load_corpus(written(tmp_path, asking(parts))).prompts[0].messages[0]["content"] == parts


def test_a_tool_call_needs_no_content_and_a_tool_may_have_the_last_word(tmp_path: Path) -> None:
    conversation = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "12:00"},
    ]

    assert len(load_corpus(written(tmp_path, {"id": "t", "messages": conversation})).prompts) == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"id": "b", ', "own.jsonl:2: is not JSON: "),
        (b"[1]", "own.jsonl:2: Expected `object`, got `array`"),
        (b'{"id": "\xff"}', "own.jsonl:2: is not UTF-8 (byte 9)"),
        ({"messages": ASK["messages"]}, "own.jsonl:2: Object missing required field `id`"),
        ({"id": "b"}, "own.jsonl:2: Object missing required field `messages`"),
        (ASK | {"id": 3}, "own.jsonl:2: id: Expected `str`, got `int`"),
        (ASK | {"id": " "}, "own.jsonl:2: id: is empty"),
        (ASK | {"tag": []}, "own.jsonl:2: Object contains unknown field `tag`"),
        (ASK | {"id": "b", "max_tokens": 0}, "own.jsonl:2: max_tokens: must be at least 1, not 0"),
        ({"id": "b", "messages": []}, "own.jsonl:2: messages: is empty"),
        ({"id": "b", "messages": [{"content": "x"}]}, "own.jsonl:2: messages[0].role: is missing"),
        (asking(role="bot"), "own.jsonl:2: messages[0].role: is 'bot'; it is one of system, "),
        (asking(role="assistant"), "own.jsonl:2: messages[0].role: the last message must be the user's"),
        (asking(""), "own.jsonl:2: messages[0].content: must be text"),
        (asking(5), "own.jsonl:2: messages[0].content: must be text"),
        (ASK, "own.jsonl:2: id: 'a' is the id of line 1 too"),
        (b'{"id":"b","messages":[{"role":"user","content":"\\ud800"}]}', "own.jsonl:2: is not JSON: "),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: object, sentence: str) -> None:
    assert said(written(tmp_path, ASK, line)).startswith(sentence)


def test_a_line_of_megabytes_is_refused(tmp_path: Path) -> None:
    assert "own.jsonl:1: is 4,000,001 bytes long" in said(written(tmp_path, b"x" * (LONGEST_LINE + 1)))


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    assert said(written(tmp_path, b"")) == "own.jsonl: holds no prompts; write one JSON object a line"


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    assert said(tmp_path / "gone.jsonl") == "gone.jsonl: can't be read: No such file or directory"


def test_a_bare_name_is_a_shipped_corpus(tmp_path: Path) -> None:
    assert find_corpus("mixed", tmp_path).name == "mixed.jsonl"


def test_a_path_is_relative_to_the_scenario(tmp_path: Path) -> None:
    file = written(tmp_path, ASK)

    assert find_corpus("own.jsonl", tmp_path) == file
    assert find_corpus("./own.jsonl", tmp_path) == tmp_path / "own.jsonl"
    assert find_corpus(str(file), Path("/elsewhere")) == file


def test_an_unknown_name_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no corpus 'mixd'; there is chat-short, mixed"):
        find_corpus("mixd", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no corpus file .*own\.jsonl"):
        find_corpus("own.jsonl", tmp_path)
