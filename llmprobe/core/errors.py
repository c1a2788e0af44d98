"""The one tree of errors. Each is a sentence for a person: what is wrong, where, what to do.

    LlmprobeError                  exit code
    ├── UsageError                 2   wrong arguments
    │   ├── ScenarioError          2   a scenario file; knows file, line and key
    │   └── CorpusError            2   a corpus file; knows file and line
    ├── EndpointError              3   the endpoint gave no result
    └── LocalError                 6   this machine failed: disk full, no worker process

Foreign exceptions are turned into these where they enter.
"""


class LlmprobeError(Exception):
    """The root: `message` is one sentence without a trailing newline, `exit_code` a command's."""

    exit_code = 70

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(LlmprobeError):
    """The arguments can't be used as given."""

    exit_code = 2


class _PlacedError(UsageError):
    """An error at a place in a file, said as `file:line: key: message`."""

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        self.file = file
        self.line = line
        self.key = key
        self.reason = message
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (place, key, message) if part))


class ScenarioError(_PlacedError):
    """A scenario that can't be read or makes no sense; with `others` it says each on a line of its own."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        others: "tuple[ScenarioError, ...]" = (),
    ) -> None:
        super().__init__(message, file=file, line=line, key=key)
        self.others = others
        self.message = "\n".join((self.message, *(other.message for other in others)))


class CorpusError(_PlacedError):
    """A corpus that can't be read."""


class EndpointError(LlmprobeError):
    """The endpoint can't be reached or gave no result."""

    exit_code = 3


class LocalError(LlmprobeError):
    """This machine failed: a full disk, a worker process that can't start."""

    exit_code = 6
