"""Server-sent events: bytes in, events out, by the HTML standard (section 9.2.6).

Lines end at CR, LF or CRLF and nowhere else: U+2028, U+2029 and U+0085 are text. A blank line ends an event.
Comments, `id` and `retry` are ignored; an event without a `data` line is none.
"""

import re

from llmprobe.wire.framing import MAX_EVENT_BYTES, Event, EventOverflowError

_BOM = b"\xef\xbb\xbf"
_CR = 0x0D
_ONE_EVENT = re.compile(rb"data: (.*)\n\n").fullmatch


class SseParser:
    """Reads one stream; holds what is unfinished between two reads."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._begun = False
        self._between = False
        """Whether the next byte begins an event."""
        self._after_cr = False
        self._line = b""
        self._event: str | None = None
        self._data: list[bytes] = []
        self._held = 0
        """Bytes in `_data`."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order; raises `EventOverflowError`."""
        if self._between and (alone := _ONE_EVENT(data)) is not None and _CR not in data:
            # A read is one event, whole and alone, nearly always.
            return [Event(None, alone[1])]
        if not self._begun:
            data = self._without_bom(data)
        events = self._feed_lines(data)
        self._between = self._begun and not (self._line or self._data or self._event or self._after_cr)
        return events

    def close(self) -> list[Event]:
        """The last event, where no blank line ends it.

        The standard drops it; what reads the stream knows whether its data are whole.
        """
        if self._line:
            self._take(self._line)
            self._line = b""
        event = self._dispatch()
        return [event] if event is not None else []

    def unfinished(self) -> bool:
        """Whether an event has begun and lacks its end."""
        return bool(self._line or self._data or self._event)

    def _without_bom(self, data: bytes) -> bytes:
        data = self._line + data
        self._line = b""
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line = data
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _feed_lines(self, data: bytes) -> list[Event]:
        if self._after_cr and data:
            # The CR ended its line already; an LF in the next read belongs to it.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._line = (self._line + data).split(b"\n")
        events = [event for line in lines if (event := self._take(line)) is not None]
        if len(self._line) + self._held > self._max:
            raise EventOverflowError(f"an event of the stream is longer than {self._max} bytes")
        return events

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._held += len(value)
        elif field == b"event":
            self._event = value.decode(errors="replace") or None
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._event, b"\n".join(self._data)) if self._data else None
        self._event = None
        self._data.clear()
        self._held = 0
        return event
