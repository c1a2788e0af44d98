"""What each API is asked, and where: prompts are OpenAI's chat messages, and become what the API wants."""

import json
from typing import Any

import pytest

from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import WireRequest
from llmprobe.wire.dialects.openai import limit_key

IMAGE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LINKED: Any = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
]
TOOLS: list[dict[str, Any]] = [
    USER,
    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":1}'}}]},
    {"role": "tool", "tool_call_id": "c", "content": "42"},
]


def encode(
    name: str, messages: list[dict[str, Any]], url: str = "http://h/v1", *, nonce: str | None = None,
    max_tokens: int | None = 8, model: str = "m", **more: Any,
) -> WireRequest:  # fmt: skip
    draw = Draw(0, Prompt("p", tuple(messages)), nonce)
    return dialect(name).encode_request(Endpoint(url, **more), url, model, draw, max_tokens, None)


def body(name: str, messages: list[dict[str, Any]], **more: Any) -> Any:
    return json.loads(encode(name, messages, **more).body)


@pytest.mark.parametrize(
    ("name", "url", "address"),
    [
        ("openai-completions", "http://h/v1", "http://h/v1/completions"),
        ("openai-completions", "http://h/v1/completions", "http://h/v1/completions"),
        ("openai-completions", "http://h/v1/chat/completions", "http://h/v1/completions"),
        ("openai-responses", "http://h/v1/", "http://h/v1/responses"),
        ("anthropic-messages", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("anthropic-messages", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("anthropic-messages", "http://h/gate/v1/messages", "http://h/gate/v1/messages"),
        ("ollama-chat", "http://h:11434", "http://h:11434/api/chat"),
        ("ollama-chat", "http://h:11434/v1", "http://h:11434/api/chat"),
        ("ollama-chat", "http://h:11434/api/", "http://h:11434/api/chat"),
        ("ollama-chat", "http://h:11434/api/chat", "http://h:11434/api/chat"),
        ("gemini", "https://h", "https://h/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"),
        ("gemini", "https://h/v1beta", "https://h/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"),
        (
            "gemini", "https://h/v1beta/models/c:streamGenerateContent?alt=json&x=1",
            "https://h/v1beta/models/c:streamGenerateContent?x=1&alt=sse",
        ),
        (
            "azure", "https://me.openai.azure.com",
            "https://me.openai.azure.com/openai/deployments/a%2Fb/chat/completions?api-version=2024-10-21",
        ),
        (
            "azure", "https://h/openai/deployments/d?api-version=2025-01-01-preview",
            "https://h/openai/deployments/d/chat/completions?api-version=2025-01-01-preview",
        ),
        ("azure", "https://h/openai/v1/", "https://h/openai/v1/chat/completions"),
    ],
)  # fmt: skip
def test_the_address_is_made_of_a_base_or_of_itself(name: str, url: str, address: str) -> None:
    assert encode(name, [USER], url, model="a/b").url == address


def test_a_completion_continues_the_text_of_a_lone_message() -> None:
    assert body("openai-completions", [USER]) == {
        "model": "m",
        "prompt": "Hi",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 8,
    }


def test_a_completion_continues_a_script_of_several() -> None:
    prompt = body("openai-completions", TALK, nonce="n")["prompt"]
    assert prompt == "[n]\nBe brief.\n\nUser: Hi\n\nAssistant: Hello.\n\nUser: What is it?\n\nAssistant:"


def test_a_response_is_asked_for_with_typed_parts() -> None:
    assert body("openai-responses", TALK) == {
        "model": "m",
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is it?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ],
            },
        ],
        "stream": True,
        "max_output_tokens": 8,
    }


def test_a_message_has_its_system_text_apart() -> None:
    request = encode("anthropic-messages", [*TALK, {"role": "user", "content": [LINKED]}])
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert json.loads(request.body) == {
        "model": "m",
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}],
            },
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "url", "url": "https://h/a.png"}}],
            },
        ],
        "max_tokens": 8,
        "stream": True,
    }
    assert request.headers["anthropic-version"] == "2023-06-01"


def test_a_message_always_has_a_limit_unless_it_is_taken_away() -> None:
    assert body("anthropic-messages", [USER], max_tokens=None)["max_tokens"] == 4096
    assert "max_tokens" not in body("anthropic-messages", [USER], body={"max_tokens": None})


def test_gemini_is_asked_in_contents() -> None:
    assert body("gemini", TALK) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello."}]},
            {
                "role": "user",
                "parts": [
                    {"text": "What is it?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
        ],
        "generationConfig": {"maxOutputTokens": 8},
    }


def test_ollama_is_asked_with_options() -> None:
    asked = body("ollama-chat", TALK)
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert asked["messages"][3] == {"role": "user", "content": "What is it?", "images": ["AAAA"]}
    assert (asked["options"], asked["stream"]) == ({"num_predict": 8}, True)


@pytest.mark.parametrize(
    "name", ["openai-completions", "openai-responses", "anthropic-messages", "gemini", "ollama-chat"]
)
def test_tool_calls_and_their_answers_are_text(name: str) -> None:
    asked = dialect(name).decode_request("/models/m:streamGenerateContent", encode(name, TOOLS).body)
    said = asked.prompt_text
    assert said.index("Hi") < said.index('f({"a":1})') < said.index("42")


@pytest.mark.parametrize("name", ["openai-completions", "openai-responses", "gemini", "ollama-chat"])
def test_without_a_limit_none_is_sent(name: str) -> None:
    assert b"8" in encode(name, [USER], max_tokens=8).body
    assert not {"max_tokens", "max_output_tokens", "options", "generationConfig"} & set(
        body(name, [USER], max_tokens=None)
    )


@pytest.mark.parametrize("name", ["openai-chat", "azure"])
def test_models_that_reason_are_given_their_limit_under_its_new_name(name: str) -> None:
    asked = body(name, [USER], model="o4-mini")
    assert (asked["max_completion_tokens"], "max_tokens" in asked) == (8, False)


def test_a_limit_in_the_endpoints_body_stands_alone() -> None:
    names = {"max_tokens", "max_completion_tokens"}
    for own in names:
        asked = body("openai-chat", [USER], body={own: 3})
        assert {name: asked[name] for name in names & set(asked)} == {own: 3}


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("o1", "max_completion_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("o4-mini-2025-04-16", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("ft:o4-mini:me", "max_completion_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("GPT-5.1-mini", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("gpt-4.1", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("olmo-2", "max_tokens"),
        ("llama3:8b", "max_tokens"),
        ("my-o3-clone", "max_tokens"),
    ],
)
def test_the_name_of_the_limit_is_told_by_the_model(model: str, key: str) -> None:
    assert limit_key(model) == key
