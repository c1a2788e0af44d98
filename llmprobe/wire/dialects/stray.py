"""What comes in a stream and is no JSON of its dialect."""

from collections.abc import Callable

from llmprobe.wire.dialects.dialect import Delta, MalformedEventError
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.loose_json import mended
from llmprobe.wire.framing import Event

NOTHING = Delta()
_DONE = Delta(done=True)


def stray(event: Event, error: Exception, expected: str, decode: Callable[[Event], Delta]) -> Delta:
    """Read an event that `decode` could not read because of `error`, or raise `MalformedEventError`.

    It may be `[DONE]`, a heartbeat without data, an error in plain words, or JSON with half a character.
    """
    data = event.data.strip()
    if data == b"[DONE]":
        return _DONE
    if not data:
        return NOTHING
    if event.event == "error":
        return Delta(error=fault_in(data))
    if (whole := mended(data)) is not None and whole != data:
        return decode(Event(event.event, whole))
    raise MalformedEventError(f"an event of the stream is not {expected}: {error}") from None
