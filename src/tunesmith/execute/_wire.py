"""What driver and worker say to each other over their private socket: frames, and messages as JSON.

A frame is a length, a tag and a body. The worker's bodies are JSON, so that the driver never unpickles
anything; the driver's own (the objective, assignments) are pickled, since only it can write to the socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any

from tunesmith.record.assignment import Assignment, Kind, Message
from tunesmith.record.codec import dumps, loads, revived
from tunesmith.record.trial import TrialState

HEADER = Struct(">QB")
SENT = Struct(">d")
"""Before each message: when it was sent, by the clock that all processes of a machine share."""
LOST = 113
"""The exit code of a worker whose socket is gone."""


class Tag(IntEnum):
    """What a frame carries."""

    SETUP = 1  # driver: the factory and where it comes from
    ASSIGN = 2
    DECISION = 3
    QUIT = 4
    READY = 5  # worker: the factory is loaded
    BROKEN = 6  # the factory cannot be loaded: why, as text
    MESSAGE = 7
    KEPT = 8  # worker: which paused trials it keeps in memory, before the END after which that has changed
    DROP = 9  # driver: paused trials that went on elsewhere


def frame(tag: Tag, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(len(body), tag) + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What makes a bare process a worker of this study."""

    factory: bytes  # cloudpickle of a RunFactory
    path: tuple[str, ...]
    cwd: str
    argv: tuple[str, ...]


def numbers(body: bytes) -> set[int]:
    """The trials that a frame KEPT or DROP lists."""
    return set(loads(body.decode()))


def listed(trials: Iterable[int]) -> bytes:
    """The body of such a frame."""
    return dumps(sorted(trials)).encode()


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Tag, bytes]]:
        """The frames that `data` completes."""
        self._held += data
        while len(self._held) >= HEADER.size:
            size, tag = HEADER.unpack_from(self._held)
            end = HEADER.size + size
            if len(self._held) < end:
                return
            body = bytes(memoryview(self._held)[HEADER.size : end])
            del self._held[:end]
            yield Tag(tag), body


_ALWAYS = ("number", "attempt", "kind")
_OPTIONAL = tuple((name, Message._field_defaults[name]) for name in Message._fields if name not in _ALWAYS)


def encode(message: Message) -> bytes:
    """The message as JSON, without what is at its default. Raises SettingError for what JSON cannot hold."""
    body: dict[str, Any] = {"number": message.number, "attempt": message.attempt, "kind": message.kind.value}
    for name, default in _OPTIONAL:
        value = getattr(message, name)
        if value is default or value == default:
            continue
        if name == "domains":
            value = {key: domain.as_json() for key, domain in value.items()}
        elif name in _MAPPINGS and value is not None:
            value = dict(value)
        body[name] = value
    return dumps(body).encode()


_MAPPINGS = frozenset({"metrics", "params", "constraints", "user_attrs", "gradient"})


def decode(text: bytes) -> Message:
    """The message that `encode` was given; tuples inside params and attributes have become lists."""
    body = revived(loads(text.decode()))
    body["kind"] = Kind(body["kind"])
    return Message(**body)


def failed(assignment: Assignment, error: str, *, died: bool = False) -> Message:
    """The END of an attempt that brought nothing."""
    return Message(
        number=assignment.number,
        attempt=assignment.trial.attempt,
        kind=Kind.END,
        state=TrialState.FAILED,
        error=error,
        died=died,
    )


def ended(assignment: Assignment, state: TrialState, error: str | None = None) -> Message:
    """The END of an attempt that was ended from outside."""
    return Message(
        number=assignment.number,
        attempt=assignment.trial.attempt,
        kind=Kind.END,
        state=state,
        error=error,
        died=True,
    )
