"""Finished requests on disk at once: whole lines, appended to a file that several workers share."""

import os
from pathlib import Path

import msgspec

from llmprobe.core.errors import LocalError
from llmprobe.core.record import RequestRecord


class Journal:
    """Appends records to records.jsonl.

    With O_APPEND each write lands whole behind all others. A write that the disk cut short leaves a torn
    line; the next one starts on a new line, so that one record is lost and not two.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self._torn = False
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise LocalError(f"can't write {path}: {error.strerror}") from error

    def append(self, record: RequestRecord) -> None:
        """Write one record; raises `LocalError` when the disk refuses it."""
        line = self._encoder.encode(record) + b"\n"
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise LocalError(f"can't write {self._path}: {error.strerror}") from error
        self._torn = written < len(line)
        if self._torn:
            raise LocalError(f"can't write {self._path}: no space left on the device")

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)
