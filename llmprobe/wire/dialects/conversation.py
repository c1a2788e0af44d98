"""A corpus holds OpenAI's chat messages; here they become turns that every other API can take.

The system's messages come first, as those APIs want them. A tool call and a tool's answer become text,
because each API wants them tied by ids of its own. A part that is neither text nor an image is left as it is:
a corpus written for one API may carry what only that one knows.
"""

from typing import Any, Literal

from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.wire.dialects.loose_json import as_text
from llmprobe.wire.dialects.nonce import with_nonce

Role = Literal["system", "user", "assistant"]
_ROLES: dict[Any, Role] = {"system": "system", "developer": "system", "assistant": "assistant"}


class Image(Struct, frozen=True):
    """A picture: `media_type` and base64 `data` where it is sent along, else its address."""

    url: str

    @property
    def inline(self) -> tuple[str, str] | None:
        """Media type and base64 of a `data:` URL."""
        head, comma, data = self.url.partition(",")
        if not comma or not head.startswith("data:") or not head.endswith(";base64"):
            return None
        return head[len("data:") : -len(";base64")], data


Part = str | Image | dict[str, Any]


class Turn(Struct, frozen=True):
    """What one side says at once."""

    role: Role
    parts: list[Part]

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(part for part in self.parts if isinstance(part, str))


def turns(draw: Draw) -> list[Turn]:
    """The draw's messages, the system's first, the nonce at the head of the first text."""
    messages = sorted(draw.prompt.messages, key=lambda message: _role(message) != "system")
    return [_turn(message) for message in with_nonce(tuple(messages), draw.nonce)]


def system_text(said: list[Turn]) -> str:
    """What the system says, for APIs that want it apart; empty for nothing."""
    return "\n\n".join(turn.text for turn in said if turn.role == "system")


def _role(message: dict[str, Any]) -> Role:
    return _ROLES.get(message.get("role"), "user")


def _turn(message: dict[str, Any]) -> Turn:
    content = message.get("content")
    parts: list[Part]
    if isinstance(content, list):
        parts = [_part(part) for part in content if isinstance(part, dict)]
    else:
        parts = [content] if isinstance(content, str) and content else []
    parts += [_call(call) for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return Turn(_role(message), parts)


def _part(part: dict[str, Any]) -> Part:
    if isinstance(text := part.get("text"), str):
        return text
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return Image(url) if isinstance(url, str) else part


def _call(call: dict[str, Any]) -> str:
    function = call.get("function") or {}
    return f"{function.get('name') or ''}({as_text(function.get('arguments'))})"


def text_of(content: Any) -> str:
    """The text of a message's content, or of anything that holds some: a string, a part, a list of them."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(part) for part in content)
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("content") or content.get("parts"))
    return ""
