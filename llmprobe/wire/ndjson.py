"""JSON objects, one a line: bytes in, events out. Lines end at LF and nowhere else; the last may lack it."""

from llmprobe.wire.framing import MAX_EVENT_BYTES, Event, EventOverflowError


class NdjsonParser:
    """Reads one stream; holds the line that is unfinished between two reads."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._parts: list[bytes] = []
        """Of the line; joined when it is whole, so that a long one costs no copy for each read."""
        self._held = 0

    def feed(self, data: bytes) -> list[Event]:
        """The lines that `data` completes, in order; raises `EventOverflowError`."""
        first, *more = data.split(b"\n")
        self._parts.append(first)
        self._held += len(first)
        events = []
        if more:
            lines = [b"".join(self._parts), *more[:-1]]
            self._parts, self._held = [more[-1]], len(more[-1])
            events = [Event(None, line) for line in lines if line.strip()]
        if self._held > self._max:
            raise EventOverflowError(f"a line of the stream is longer than {self._max} bytes")
        return events

    def close(self) -> list[Event]:
        """The last line, where no LF ends it."""
        line = b"".join(self._parts)
        self._parts, self._held = [], 0
        return [Event(None, line)] if line.strip() else []

    def unfinished(self) -> bool:
        """Whether a line has begun."""
        return any(part.strip() for part in self._parts)
