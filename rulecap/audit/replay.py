"""Replay: a decision computed again from its record and the stored policy alone, and compared to the byte."""

import re
from dataclasses import dataclass, replace
from typing import Any

from rulecap.audit.asked import Input, input_of, recorded_input
from rulecap.audit.log import parsed_memory
from rulecap.audit.record import Asking, Place, Record, Request, body_of
from rulecap.engine.decision import Decision
from rulecap.engine.policy import Policy
from rulecap.location import Location
from rulecap.problems import Problem
from rulecap.version import __version__

# What a problem is called, where it is and what it is about are results; how a version of rulecap says it is not.
WORDS = {"message", "hint"}
UNNAMED = b'"asked_by":null,'  # what a record lacks that was written before records said who asked
LARGE = re.compile(rb"(?<=[0-9])e\+(?=[0-9])")
BYTES = "bytes"  # what differs where no field does


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay differs from the record.

    Attributes:
        part: the first field of the record that differs, such as `steps` or `outputs`; `words` where another version
            of rulecap found the same problems, and nothing differs but how they are said.
        step: the first rule whose value differs, empty where no step does.
        recorded: what the record has there.
        computed: what comes out now.
    """

    part: str
    step: str
    recorded: Any
    computed: Any


def evaluated_again(record: Record, policy: Policy) -> Decision:
    """Return the decision on what a record holds, under a policy, with its trace."""
    fields = record.fields
    given = recorded_input(fields["snapshot"])
    return policy.evaluate(given, fields["decision"], parsed_memory(fields["memory"]))


def recorded_decision(record: Record, policy: Policy) -> Decision:
    """Return the answer that a record holds, as it was given; with its trace where the policy still gives it."""
    fields = record.fields
    if fields["policy"]["digest"] == policy.digest:
        again = evaluated_again(record, policy)
        if again.outputs == fields["outputs"]:
            again.record_id = fields["id"]
            return again
    problems = tuple(map(_problem, fields["problems"]))
    memory = dict(parsed_memory(fields["next_memory"]) or {})
    answer = Decision(fields["decision"], fields["answered_by"], fields["outputs"], memory, problems, fields["ok"])
    answer.record_id = fields["id"]
    return answer


def replayed(record: Record, policy: Policy) -> Difference | None:
    """Return the first difference between a record and what its policy gives now; none where every byte agrees.

    The version of rulecap that computed it is the record's, as number and time are: it is no result.
    """
    fields = record.fields
    given = _input(fields)
    decision = evaluated_again(record, policy)
    request = Request(**fields["request"]) if fields["request"] else None
    asking = Asking(fields["asked_by"], request)
    place = Place(record.seq, fields["id"].rpartition("-")[0], fields["time"], fields["engine"])
    body = body_of(place, policy, given, parsed_memory(fields["memory"]), decision, asking)
    if fields["asked_by"] is None and UNNAMED not in record.body:
        body = body.replace(UNNAMED, b"", 1)
    if body == record.body or _spelt(body) == _spelt(record.body):
        return None
    computed = Record(record.seq, body).fields
    found = _difference(fields, computed)
    if found.part == "problems" and fields["engine"] != __version__ and _same(found.recorded, found.computed):
        beside = _difference({**fields, "problems": computed["problems"]}, computed)
        return replace(found, part="words") if beside.part == BYTES else beside
    return found


def _spelt(body: bytes) -> bytes:
    """Return a record's bytes with 1e16 where some versions of the libraries that write JSON say 1e+16.

    That nobody has changed the one to the other since, the record's hash shows.
    """
    return LARGE.sub(b"e", body)


def _same(recorded: list[dict[str, Any]], computed: list[dict[str, Any]]) -> bool:
    """Tell whether two lists of problems name the same ones."""
    named = [
        [{name: said for name, said in one.items() if name not in WORDS} for one in each]
        for each in (recorded, computed)
    ]
    return named[0] == named[1]


def _input(fields: dict[str, Any]) -> Input:
    return input_of(recorded_input(fields["snapshot"]))


def _difference(recorded: dict[str, Any], computed: dict[str, Any]) -> Difference:
    """Return the first difference in the order of computing: the steps, then what follows from them, then the rest."""
    for name in dict.fromkeys([*recorded["steps"], *computed["steps"]]):
        ours, theirs = recorded["steps"].get(name), computed["steps"].get(name)
        if ours != theirs or (name in recorded["steps"]) != (name in computed["steps"]):
            return Difference("steps", name, ours, theirs)
    for part in dict.fromkeys(["outputs", "next_memory", "problems", *recorded, *computed]):
        if recorded.get(part) != computed.get(part):
            return Difference(part, "", recorded.get(part), computed.get(part))
    return Difference(BYTES, "", None, None)


def _problem(written: dict[str, Any]) -> Problem:
    """Return a problem of a record."""
    place = Location(written["file"], written["line"], written["column"]) if written["file"] else None
    return Problem(
        written["code"], written["message"], place, written["path"], written["hint"], severity=written["severity"]
    )
