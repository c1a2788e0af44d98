"""Local inference servers told apart by what they answer, and looked for without harm."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from llmprobe.core.offer import Offer
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.local_servers import MODELS, PROPS, VERSION, Answer, look_around, recognised


def _listed(*models: str, by: str) -> Answer:
    return Answer(200, {"object": "list", "data": [{"id": model, "owned_by": by} for model in models]})


_NONE = Answer(404, {"detail": "Not Found"})


@pytest.mark.parametrize(("port", "answers", "name", "serves"), [
    (11434, {MODELS: _listed("llama3:8b", "qwen3:4b", by="library")}, "Ollama",
     "llama3:8b and 1 more"),
    (11434, {MODELS: Answer(200, {"data": None}), VERSION: Answer(200, {"version": "0.5.1"})}, "Ollama",
     ""),
    (8000, {MODELS: _listed("meta/llama", by="vllm")}, "vLLM", "meta/llama"),
    (8080, {MODELS: _listed("m.gguf", by="llamacpp")}, "llama.cpp", "m.gguf"),
    (8080, {MODELS: _NONE, PROPS: Answer(200, {"default_generation_settings": {}})}, "llama.cpp",
     ""),
    (1234, {MODELS: _listed("phi", by="organization_owner")}, "LM Studio", "phi"),
    (30000, {MODELS: _listed("qwen", by="sglang")}, "SGLang", "qwen"),
    (8080, {MODELS: _listed("qwen", by="vllm")}, "vLLM", "qwen"),
    (8000, {MODELS: _listed("x", by="someone")}, "Something OpenAI-like", "x"),
    (8000, {MODELS: Answer(401, {"error": "Unauthorized"})}, "Something that wants a key",
     ""),
    (8000, {MODELS: _listed("evil\x1b]52;c;x\x07", by="vllm")}, "vLLM", "evil"),
])  # fmt: skip
def test_servers_are_told_apart_by_what_they_answer(port, answers, name, serves):
    found = recognised(port, lambda path: answers.get(path, _NONE))
    assert found == Offer(name, Endpoint(url=f"http://127.0.0.1:{port}/v1"), f"answers on {port}", serves)


@pytest.mark.parametrize("answer", [
    None, _NONE, Answer(200, {}), Answer(403, {}), Answer(500, {"data": [{"id": "m"}]}),
    Answer(200, {"data": [1, {}, None]}), Answer(200, {"data": {"id": 3}}),
])  # fmt: skip
def test_what_is_no_inference_server_is_not_offered(answer):
    assert recognised(8080, {MODELS: answer}.get) is None


class _Server(BaseHTTPRequestHandler):
    """vLLM, as far as it is asked."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.asked.append((f"{self.command} {self.path}", dict(self.headers)))
        body = b'{"data": [{"id": "m", "owned_by": "vllm"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_it_asks_by_get_without_a_key_and_finds_what_answers(port, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = (silent.getsockname()[1], closed.getsockname()[1], port)
        found = look_around(ports)
    assert [(offer.place, offer.serves) for offer in found] == [(f"answers on {port}", "m")]
    (asked,) = _Server.asked
    assert asked[0] == "GET /v1/models"
    assert "Authorization" not in asked[1]
