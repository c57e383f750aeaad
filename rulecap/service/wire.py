"""What goes between the service and the process of its log: questions one way, answers the other.

Policies and the large parts of snapshots, which many questions share, go over once. Both ends are of one program
on one machine, joined by a pair of sockets that nobody else has; so it is pickles that go over it.
"""

import pickle
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from struct import Struct
from typing import Any, NamedTuple

from rulecap.audit.ledger import Asked
from rulecap.audit.log import Head
from rulecap.audit.snapshot_json import FROZEN
from rulecap.audit.timeline import Last
from rulecap.audit.unlogged import Key
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy, policy_from_files
from rulecap.problems import Problem
from rulecap.service.bodies import signal_of
from rulecap.snapshot import Snapshot
from rulecap.snapshot.model import unlooked, with_values

LENGTH = Struct(">Q")
HEAD = LENGTH.size
LOG, KEY = "log", "key"
"""What the answer to an opening begins with where the log, or the key that signs it, cannot be used."""
PARTS = tuple(name for name in Snapshot.model_fields if name in FROZEN)
MOST_PARTS, MOST_POLICIES = 1024, 8
MOST_AT_ONCE = 2**20


class Opening(NamedTuple):
    """What a process begins with.

    Attributes:
        url: which log.
        create: whether it may be begun.
        since: the head that it must go on from, where one is known.
        files: of the policy that will be asked.
    """

    url: str
    create: bool
    since: Head | None
    files: Mapping[str, bytes]


class Sent(NamedTuple):
    """A question; snapshots by the numbers of their parts, in the order of PARTS, and what is only this question's."""

    policy: str
    decision: str
    parts: tuple[int, ...]
    as_of: datetime
    age_seconds: float | None
    signal: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    key: str | None
    request: bytes | None
    asked_by: str | None


class Told(NamedTuple):
    """An answer; `made` says whether it was made of this very snapshot: else it was given before, or is a refusal."""

    decision: str
    answered_by: str
    outputs: dict[str, Any]
    memory: dict[str, Any]
    problems: tuple[Problem, ...]
    ok: bool
    record_id: str | None
    made: bool


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions that go over together.

    Attributes:
        policies: the files of those that the other end does not know.
        parts: by number, those that it does not know.
        forget_parts, forget_policies: whether it is to forget all of them that it knew before. Apart from each other,
            because parts are soon too many, and to read a policy anew takes half a second, in which nobody is answered.
    """

    sent: list[Sent]
    policies: Sequence[Mapping[str, bytes]]
    parts: Mapping[int, object]
    forget_parts: bool
    forget_policies: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """Their answers, in the same order, and how the log stands.

    Attributes:
        failure: code and reason, where the log could not be written.
        memories: the latest of the accounts that were asked about.
    """

    told: list[Told]
    head: Head
    failure: tuple[str, str] | None
    memories: Mapping[Key, Last]


class Sender:
    """The service's end: what it says is as short as what the other end knows allows."""

    def __init__(self, *digests: str) -> None:
        """Begin with another end that knows some policies."""
        self._policies = set(digests)
        self._parts: dict[int, tuple[int, object]] = {}
        self._count = 0

    def questions(self, asked: Sequence[Asked]) -> Questions:
        """Return questions about snapshots as they go over."""
        forget_parts, forget_policies = len(self._parts) > MOST_PARTS, len(self._policies) > MOST_POLICIES
        if forget_parts:
            self._parts.clear()
        if forget_policies:
            self._policies.clear()
        policies: list[Mapping[str, bytes]] = []
        parts: dict[int, object] = {}
        sent = [self._one(one, parts) for one in asked]
        for one in asked:
            if one.policy.digest not in self._policies:
                policies.append(dict(one.policy.files))
                self._policies.add(one.policy.digest)
        return Questions(sent, policies, parts, forget_parts, forget_policies)

    def _one(self, asked: Asked, parts: dict[int, object]) -> Sent:
        assert isinstance(asked.snapshot, Snapshot)  # the service composes every one
        told = asked.snapshot.__dict__
        numbers = tuple([self._number(told[name], parts) for name in PARTS])
        signal = None if told["signal"] is None else told["signal"].__dict__
        only = (told["as_of"], told["age_seconds"], signal, told["facts"])
        how = (asked.idempotency_key, asked.request, asked.asked_by)
        return Sent(asked.policy.digest, asked.decision, numbers, *only, *how)

    def _number(self, value: object, parts: dict[int, object]) -> int:
        known = self._parts.get(id(value))
        if known is not None:
            return known[0]
        self._count += 1
        self._parts[id(value)] = (self._count, value)  # the value too, so that its id is not another's
        parts[self._count] = value
        return self._count


@dataclass(slots=True)
class Receiver:
    """The other end: it makes of what was said what was meant."""

    _policies: dict[str, Policy] = field(default_factory=dict)
    _parts: dict[int, Any] = field(default_factory=dict)
    _bases: dict[tuple[int, ...], Snapshot] = field(default_factory=dict)

    def asked(self, questions: Questions) -> list[Asked]:
        """Return the questions.

        Raises:
            PolicyError: a policy cannot be loaded, which the service has loaded.
        """
        if questions.forget_parts:
            self._parts.clear()
            self._bases.clear()
        if questions.forget_policies:
            self._policies.clear()
        self._parts.update(questions.parts)
        for files in questions.policies:
            self.load(files)
        return [self._one(one) for one in questions.sent]

    def load(self, files: Mapping[str, bytes]) -> Policy:
        """Know a policy from now on.

        Raises:
            PolicyError: it cannot be loaded, though the service has loaded it.
        """
        policy = policy_from_files(files)
        self._policies[policy.digest] = policy
        return policy

    def _one(self, sent: Sent) -> Asked:
        signal = None if sent.signal is None else signal_of(sent.signal)
        own = {"as_of": sent.as_of, "age_seconds": sent.age_seconds, "signal": signal, "facts": sent.facts}
        snapshot = with_values(self._base(sent.parts), own)
        return Asked(self._policies[sent.policy], snapshot, sent.decision, sent.key, sent.request, sent.asked_by)

    def _base(self, numbers: tuple[int, ...]) -> Snapshot:
        """Return the snapshot of some parts; they were validated where they come from."""
        known = self._bases.get(numbers)
        if known is None:
            if len(self._bases) >= MOST_PARTS:
                self._bases.clear()
            parts = {name: self._parts[number] for name, number in zip(PARTS, numbers, strict=True)}
            whole = {name: parts.get(name) for name in Snapshot.model_fields}  # in their order, which JSON follows
            known = self._bases[numbers] = unlooked(Snapshot, **whole)
        return known


def told(asked: Asked, decision: Decision) -> Told:
    """Return an answer as it goes over; its trace stays behind, and is on record."""
    answer = (decision.outputs, decision.memory, decision.problems, decision.ok)
    made = decision.snapshot is asked.snapshot
    return Told(decision.decision, decision.answered_by, *answer, decision.record_id, made)


def decision_of(asked: Asked, answer: Told) -> Decision:
    """Return the decision that an answer tells, without its steps."""
    told = (answer.outputs, answer.memory, answer.problems, answer.ok)
    decision = Decision(answer.decision, answer.answered_by, *told, asked.snapshot if answer.made else None)
    decision.record_id = answer.record_id
    return decision


def packed(message: object) -> bytes:
    """Return a message as it goes over: its length, and a pickle."""
    text = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(text)) + text


def length_of(head: bytes) -> int:
    """Return the length that a message's first bytes tell."""
    length: int = LENGTH.unpack(head)[0]
    return length


def unpacked(text: bytes) -> Any:
    """Return the message that a pickle is."""
    return pickle.loads(text)


def send(over: socket.socket, message: object) -> None:
    """Send a message.

    Raises:
        OSError: the other end has gone, or takes too long.
    """
    over.sendall(packed(message))


def receive(over: socket.socket) -> Any:
    """Return a message.

    Raises:
        EOFError: the other end has gone.
        OSError: it takes too long.
    """
    return unpacked(_exactly(over, length_of(_exactly(over, HEAD))))


def _exactly(over: socket.socket, length: int) -> bytes:
    text = bytearray()
    while len(text) < length:
        some = over.recv(min(length - len(text), MOST_AT_ONCE))
        if not some:
            raise EOFError
        text += some
    return bytes(text)
