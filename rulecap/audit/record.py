"""A record of the audit log: the exact bytes that were hashed, and what they say."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from rulecap.audit.asked import Input, memory_json
from rulecap.engine.decision import Decision
from rulecap.engine.outputs import json_text
from rulecap.engine.policy import Policy
from rulecap.version import __version__

BODY = (
    b'{"seq":%d,"id":"%s","time":"%s","account":%s,"decision":%s,"answered_by":%s,"verdict":%s,"ok":%s,"policy":%s,'
    b'"engine":%s,"request":%s,"asked_by":%s,"snapshot":%s,"memory":%s,"next_memory":%s,"outputs":%s,"steps":%s,"problems":%s}'
)
ENGINE = to_json(__version__)
# What stands in every body, as far as readers go into it. What else a record has to be, `said` holds it to.
PARTS: dict[str, type | tuple[type, ...]] = {
    "id": str, "time": str, "account": str, "decision": str, "answered_by": str, "verdict": (str, type(None)),
    "ok": bool, "policy": dict, "engine": str, "asked_by": (str, type(None)), "snapshot": object, "memory": object,
    "outputs": dict, "steps": dict, "problems": list,
}  # fmt: skip
POLICY_PARTS = ("name", "version", "digest")


class DamagedRecord(ValueError):
    """A body that is no record: somebody changed it, or the database is damaged."""


@dataclass(frozen=True)
class Record:
    """One record as it is stored.

    Attributes:
        seq: its place in the log, from 1.
        body: the bytes that were hashed: JSON in UTF-8, `schemas/audit.schema.json` says how.
    """

    seq: int
    body: bytes

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What the body says.

        Raises:
            DamagedRecord: the body is no JSON object, or lacks a part that every record has.
        """
        try:
            parsed = from_json(self.body, allow_inf_nan=False)
        except ValueError as error:
            raise DamagedRecord(f"record {self.seq} is damaged: {error}") from error
        if not isinstance(parsed, dict):
            raise DamagedRecord(f"record {self.seq} is damaged: the body is no JSON object")
        parsed.setdefault("asked_by", None)  # before records said who asked, nobody was named
        for name, kind in PARTS.items():
            if name not in parsed or not isinstance(parsed[name], kind):
                raise DamagedRecord(f"record {self.seq} is damaged: {name} is missing, or is something else")
        if not all(isinstance(parsed["policy"].get(name), str) for name in POLICY_PARTS):
            raise DamagedRecord(f"record {self.seq} is damaged: policy is something else")
        return parsed

    @property
    def decides(self) -> bool:
        """Whether it is the record of a decision; a log's first record may carry memories over instead."""
        return bool(self.fields["policy"]["digest"])


class Place(NamedTuple):
    """Where and when a record is written: its number, the log's id, the writer's clock as ISO-8601 text with Z.

    By which version of rulecap too, where that is not this one.
    """

    seq: int
    log: str
    time: str
    engine: str | None = None

    @property
    def id(self) -> str:
        """The record's id, unique among all logs."""
        return f"{self.log}-{self.seq}"


class Request(NamedTuple):
    """A caller's idempotency key and the SHA-256 of what was asked under it."""

    key: str
    digest: str


class Asking(NamedTuple):
    """Who asks, and under which idempotency key; none where nobody was named, and where under none."""

    asked_by: str | None
    request: Request | None


def bare_body(place: Place, snapshot: bytes) -> bytes:
    """Return the bytes of a record that is no decision's: it only holds what stands in `snapshot`."""
    nobody = to_json({"name": "", "version": "", "digest": ""})
    head = (place.seq, place.id.encode(), place.time.encode(), b'""', b'""', b'""', b"null", b"true", nobody, ENGINE)
    return BODY % (*head, b"null", b"null", snapshot, b"null", b"null", b"{}", b"{}", b"[]")


def body_of(
    place: Place,
    policy: Policy,
    given: Input,
    memory: Mapping[str, Any] | None,
    decision: Decision,
    asking: Asking,
) -> bytes:
    """Return a record's bytes."""
    return BODY % (
        place.seq,
        place.id.encode(),
        place.time.encode(),
        _word(given.account),
        _word(decision.decision),
        _word(decision.answered_by),
        _word(policy.verdict_of(decision)),
        b"true" if decision.ok else b"false",
        _policy(policy.name, policy.version, policy.digest),
        ENGINE if place.engine is None else to_json(place.engine),
        b"null" if asking.request is None else to_json(asking.request._asdict()),
        _word(asking.asked_by),
        given.recorded,
        memory_json(memory),
        memory_json(decision.memory),
        json_text(decision.outputs),
        decision.steps_json(),
        to_json([problem.to_dict() for problem in decision.problems]) if decision.problems else b"[]",
    )


@lru_cache(maxsize=1024)
def _word(name: str | None) -> bytes:
    """Return a name that most records share, as JSON."""
    return to_json(name)


@lru_cache(maxsize=16)
def _policy(name: str, version: str, digest: str) -> bytes:
    return to_json({"name": name, "version": version, "digest": digest})
