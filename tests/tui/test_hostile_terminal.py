"""What a server and files say, and are named, in the whole program on a real terminal: never a control."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.tui.test_hostile import HOSTILE
from tests.tui.test_terminal import Terminal

_FORBIDDEN = ("\x07", "\x08", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff")
_MARKUP = "see [/b] [red]x[/] [@click=app.quit]y[/]"
"""What a scenario may say: controls are refused where it is read."""
_LEAVE = "\x1b"
_IN_A_NAME = HOSTILE.replace("/", "").replace("\x00", "")
"""As a folder can be called."""


class _Hostile(BaseHTTPRequestHandler):
    """Models, headers and errors as nobody should send them."""

    def do_GET(self) -> None:
        self._answer(200, {"object": "list", "data": [{"id": f"{n} {HOSTILE}"} for n in range(3)]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(400, {"error": {"message": HOSTILE, "type": HOSTILE, "code": HOSTILE}})

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        # With anything below a blank in a header an answer is no HTTP, and refused as a whole.
        in_a_header = "".join(c for c in HOSTILE if c >= " ").encode().decode("latin-1")
        self.send_response(status, in_a_header)
        for name in ("X-Request-Id", "Retry-After", "X-Ratelimit-Limit-Requests", "Openai-Model"):
            self.send_header(name, in_a_header)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/v1"
    served.shutdown()
    served.server_close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def assert_harmless(read: bytes) -> None:
    """None of it came through, whatever Textual itself asks of a terminal."""
    assert b"\x1b]52;" not in read
    assert b"\x1b[31mRED" not in read
    read = re.sub(rb"\x1b\]22;[a-z]*\x07", b"", read)  # the shape of the mouse's pointer, by Textual
    assert not [mark for mark in _FORBIDDEN if mark.encode() in read]


def write_corpus(folder: Path) -> Path:
    line = {"id": HOSTILE, "messages": [{"role": "user", "content": HOSTILE}]}
    (folder / "evil.jsonl").write_text(json.dumps(line) + "\n")
    return folder / "evil.jsonl"


def scenario(folder: Path, url: str, **more: Any) -> Path:
    write_corpus(folder)
    whole = {
        "format": 1, "name": _MARKUP, "endpoint": {"url": url, "model": _MARKUP},
        "prompts": {"corpus": "./evil.jsonl"}, **more,
    }  # fmt: skip
    file = folder / "evil.toml"
    file.write_text(tomli_w.dumps(whole))
    return file


def test_a_hostile_server_corpus_and_scenario_send_no_control(
    terminal: Any, tmp_path: Path, server: str
) -> None:
    scenario(tmp_path, server)
    llmprobe = terminal("evil.toml")
    llmprobe.shows("IDLE")
    for keys, shown in (
        ("t", "client_error"), (_LEAVE, ""), (" ", "RUNNING"), ("v", "4xx"), ("\r", "Esc: back"),
        (_LEAVE, "Streams log"), ("5", "first client_error"), ("e", "key from env"),
        ("\x0c", "Its models (3)"), (_LEAVE, ""), ("s", "Save as"), (_LEAVE, ""), ("r", "NO RESULT"),
        ("y", "copied"), (_LEAVE, ""),
    ):  # fmt: skip
        if keys == _LEAVE:
            llmprobe.shows("Esc")
        llmprobe.press(keys)
        llmprobe.shows(shown)
        if keys == _LEAVE:
            llmprobe.until(lambda text: "Esc" not in text)
    llmprobe.press("\x03")
    assert llmprobe.end() == 130
    copied = re.findall(rb"\x1b\]52;c;[A-Za-z0-9+/=]*(?:\x07|\x1b\\)", llmprobe.read)
    assert len(copied) == 1  # what y put on the clipboard, by its person's wish
    assert_harmless(llmprobe.read.replace(copied[0], b""))


def test_folders_themes_and_files_with_hostile_names_send_no_control(
    terminal: Any, tmp_path: Path, server: str
) -> None:
    run = tmp_path / "llmprobe-runs" / _IN_A_NAME
    run.mkdir(parents=True)
    (run / "scenario.toml").write_text(scenario(tmp_path, server).read_text())
    (tmp_path / "evil.toml").rename(tmp_path / f"{_IN_A_NAME}.toml")
    llmprobe = terminal("sim:small-gpu?speed=10")
    llmprobe.shows("RUNNING")
    llmprobe.press("o")
    llmprobe.shows("see [b]")
    llmprobe.press("\x1b[B\r")
    llmprobe.shows("Results of")
    llmprobe.press("\x03")
    assert llmprobe.end() == 130
    assert_harmless(llmprobe.read)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("config/llmprobe/themes/evil.toml", "evil.toml: name: "),
        ("config/llmprobe/settings.toml", "settings.toml: "),
        ("config/llmprobe/endpoints.toml", "RED"),
        ("broken.toml", "broken.toml"),
    ],
)
def test_a_wrong_file_is_refused_without_sending_its_controls(
    terminal: Any, tmp_path: Path, where: str, said: str
) -> None:
    shipped = (Path(__file__).parents[2] / "themes" / "dark.toml").read_text()
    texts = {
        "evil.toml": tomli_w.dumps({"name": HOSTILE}) + shipped.replace('name = "dark"\n', ""),
        "settings.toml": tomli_w.dumps({"theme": HOSTILE, "keys": {"zoom": HOSTILE}}),
        "endpoints.toml": tomli_w.dumps({HOSTILE: {"url": HOSTILE}}),
        "broken.toml": tomli_w.dumps({"format": 1, HOSTILE: HOSTILE, "endpoint": {"url": HOSTILE}}),
    }
    file = tmp_path / where
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(texts[file.name])
    target = {"endpoints.toml": "nobody-knows-it", "broken.toml": "broken.toml"}.get(file.name, "sim:fixed")
    llmprobe = terminal(target)
    code = llmprobe.end()
    assert_harmless(llmprobe.read)
    assert code == 2
    assert said in re.sub(r"\s+", " ", llmprobe.text)
