"""The frames between a session and a worker process: 4 bytes of length (big-endian), then msgpack.

A frame is a tagged struct; commands go down, replies come up. The parser takes bytes and returns frames.
"""

import msgspec
from msgspec import Struct

from llmprobe.core.engine import Lease, Plan, TestReply, Watch
from llmprobe.core.errors import LocalError
from llmprobe.core.events import Event
from llmprobe.core.load import LoadKind
from llmprobe.core.request import Ask


class Prepare(Struct, frozen=True, tag=True):
    """Load what the plan names; answered by `Prepared` or `Refused`."""

    plan: Plan
    worker: int
    share: "Share"


class Share(Struct, frozen=True):
    """Which users a worker runs: those whose id, modulo `of`, is among `residues`."""

    of: int = 1
    residues: tuple[int, ...] = (0,)


class Start(Struct, frozen=True, tag=True):
    """The run's time begins at receipt."""


class SetLoad(Struct, frozen=True, tag=True):
    """Begin a load level; the target is that of all workers together."""

    level_id: int
    target: float
    over_s: float
    by: str | None
    ask: Ask | None = None
    kind: LoadKind = "users"


class SetShare(Struct, frozen=True, tag=True):
    """Take over the users of a worker that died."""

    share: Share


class Grant(Struct, frozen=True, tag=True):
    """Start more."""

    lease: Lease


class Look(Struct, frozen=True, tag=True):
    """Tell of these rows."""

    watch: Watch


class Test(Struct, frozen=True, tag=True):
    """One request outside the run; answered by `Tested`."""


class Cancel(Struct, frozen=True, tag=True):
    """Cancel what is in flight."""


class Stop(Struct, frozen=True, tag=True):
    """Drain, then end the process; answered by `Stopped`."""

    drain_s: float


Command = Prepare | Start | SetLoad | SetShare | Grant | Look | Test | Cancel | Stop


class Prepared(Struct, frozen=True, tag=True):
    """Ready to start."""


class Refused(Struct, frozen=True, tag=True):
    """The last command can't be carried out."""

    message: str
    exit_code: int


class Batch(Struct, frozen=True, tag=True):
    """What happened."""

    events: list[Event]


class Tested(Struct, frozen=True, tag=True):
    """What came back from the test request."""

    reply: TestReply


class Stopped(Struct, frozen=True, tag=True):
    """Everything is on disk; the process ends."""


Reply = Prepared | Refused | Batch | Tested | Stopped

_HEAD = 4
_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def encode(frame: Command | Reply) -> bytes:
    """One frame as bytes; raises `LocalError` for what no frame can carry, as a number beyond 64 bits."""
    try:
        body = _encoder.encode(frame)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise LocalError(f"a {type(frame).__name__} can't go between two processes: {error}") from error
    return len(body).to_bytes(_HEAD, "big") + body


class FrameParser:
    """Cuts a byte stream into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies of the frames that `data` completes."""
        self._buffer += data
        bodies: list[bytes] = []
        while len(self._buffer) >= _HEAD:
            end = _HEAD + int.from_bytes(self._buffer[:_HEAD], "big")
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_HEAD:end]))
            del self._buffer[:end]
        return bodies


def decode_command(body: bytes) -> Command:
    """A frame sent down; raises `msgspec.DecodeError` on anything else."""
    return _commands.decode(body)


def decode_reply(body: bytes) -> Reply:
    """A frame sent up; raises `msgspec.DecodeError` on anything else."""
    return _replies.decode(body)
