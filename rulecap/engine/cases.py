"""Tests in YAML beside a policy: read with their places, run, and answered with every difference.

The format is `schemas/tests.schema.json`; what an expectation may be is in `rulecap.engine.expect`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulecap.engine.amend import amended, without_none
from rulecap.engine.decision import Decision
from rulecap.engine.expect import Mismatch, mismatches
from rulecap.engine.policy import Policy
from rulecap.location import Location
from rulecap.policy.document import parse_document
from rulecap.policy.nodes import Mapping, Node, Sequence, entries_of, items_of, plain, problem_at, text_at
from rulecap.policy.schema import validate
from rulecap.policy.shelf import find_policy, yaml_files
from rulecap.problems import Problem, did_you_mean
from rulecap.snapshot.twice import read_json

Json = Any
EXPECTATIONS = ("expect", "memory_after", "trace", "problems")
DEFAULT_DECISION = "position"
INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluation of a test: the situation, and the mapping that says what is expected of it."""

    label: str
    snapshot: dict[str, Json]
    decision: str
    expected: Mapping


@dataclass(frozen=True, slots=True)
class Case:
    """One test: its evaluations in order, memory carried from each to the next; `changes` are all that it `set`s."""

    name: str
    location: Location
    memory: dict[str, Json] | None
    steps: tuple[Step, ...]
    changes: tuple[Mapping, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a test went; a file that cannot be read gives one result with its problems."""

    name: str
    location: Location
    mismatches: tuple[Mismatch, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return not self.mismatches and not self.problems

    def render(self) -> str:
        """Return the test's place and name, and below it what was not as expected."""
        below = [line for problem in self.problems for line in problem.render().splitlines()]
        below += [line for mismatch in self.mismatches for line in mismatch.render().splitlines()]
        head = f"{self.location.spot}: {self.name}"
        return "\n".join([head, *(f"    {line}".rstrip() for line in below)])

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON types, with stable keys."""
        return {
            "name": self.name,
            "file": self.location.file,
            "line": self.location.line,
            "ok": self.ok,
            "mismatches": [mismatch.to_dict() for mismatch in self.mismatches],
            "problems": [problem.to_dict() for problem in self.problems],
        }


def case_files(where: str) -> list[Path]:
    """Return test files: tests/*.yaml (or .yml) in the folder; for an overlay x.yaml, tests/x.yaml beside it.

    Raises:
        PolicyError: there is no such policy.
    """
    place = find_policy(where)
    here = Path.cwd()
    if place.is_relative_to(here):
        place = place.relative_to(here)
    if place.is_dir():
        return yaml_files(place / "tests")
    beside = place.parent / "tests" / place.name
    return [beside] if beside.is_file() else []


def run_files(policy: Policy, files: Iterable[Path], word: str = "") -> list[CaseResult]:
    """Run the tests of the files; `word` picks by name of test or file, in any case of letters."""
    return [result for path in files for result in run_file(policy, path, word)]


def run_file(policy: Policy, path: Path, word: str) -> list[CaseResult]:
    """Run the tests of one file; a file with problems runs none."""
    cases, problems = load_cases(path)
    if problems:
        return [CaseResult(path.name, Location(path.as_posix(), 1, 1), problems=tuple(problems))]
    return [run_case(policy, case) for case in cases if word.lower() in f"{path.name} {case.name}".lower()]


def load_cases(path: Path) -> tuple[list[Case], list[Problem]]:
    """Read a test file: its tests, or everything that is wrong with it."""
    document, problems = parse_document(path.read_bytes(), path.as_posix())
    if document is None or problems:
        return [], problems
    if not isinstance(document, Mapping):
        return [], [problem_at(document, "wrong-type", "a test file is a mapping with the key `tests`")]
    problems = validate(document, "tests")
    if problems:
        return [], problems
    reader = _Reader(path.parent)
    cases = list(reader.cases(document))
    return cases, reader.problems


def run_case(policy: Policy, case: Case) -> CaseResult:
    """Evaluate a test's steps in order and gather the differences."""
    if undeclared := tuple(_undeclared(case.changes, policy)):
        return CaseResult(case.name, case.location, problems=undeclared)
    memory, found = case.memory, list[Mismatch]()
    for step in case.steps:
        if step.decision not in policy.decisions:
            node = step.expected.get("decision") or step.expected
            hint = did_you_mean(step.decision, policy.decisions)
            problem = problem_at(node, "unknown-decision", f"there is no decision {step.decision}", hint)
            return CaseResult(case.name, case.location, tuple(found), (problem,))
        decision = policy.evaluate(step.snapshot, decision=step.decision, memory=memory)
        memory = decision.memory
        found += _differences(step, decision, policy)
    return CaseResult(case.name, case.location, tuple(found))


def _undeclared(changes: Iterable[Mapping], policy: Policy) -> Iterator[Problem]:
    """Yield a problem for each fact that is set and not declared: a test that sets it shows nothing."""
    declared = [check.path.removeprefix("facts.") for check in policy.typed.inputs if check.path.startswith("facts.")]
    for path, value in (entry for one in changes for entry in one.entries):
        part, _, below = path.text.partition(".")
        within = [(key, key.text) for key, _ in entries_of(value)]
        for key, fact in [(path, below.partition(".")[0])] if below else within:
            if part == "facts" and fact not in declared:
                hint = did_you_mean(fact, declared) or "declare it under `inputs`, or take it out"
                said = f"the policy declares no fact {fact}: to set it changes nothing"
                yield problem_at(key, "unknown-name", said, hint)


def _differences(step: Step, decision: Decision, policy: Policy) -> Iterator[Mismatch]:
    """Yield what differs from a step's expectations: problems, outputs, memory, values of rules."""
    codes = sorted({problem.code for problem in decision.problems})
    expected = step.expected.get("problems")
    if sorted(set(plain(expected) if expected else ())) != codes:
        several = len(decision.problems) > 1
        said = "".join(f"\n    {one}" if several else str(one) for one in decision.problems) or "none"
        wanted = ", ".join(plain(expected)) if expected else "none"
        place = expected or _given(step.expected, decision.problems) or step.expected
        yield Mismatch(f"{step.label}problems", wanted, said, place.location)
    values = {entry["rule"]: entry["value"] for entry in decision.trace.steps} if "trace" in step.expected else {}
    found = {"expect": decision.outputs, "memory_after": decision.memory, "trace": values}
    for part, got in found.items():
        if (wanted_node := step.expected.get(part)) is not None:
            prefix = step.label if part == "expect" else f"{step.label}{part}: "
            for difference in mismatches(wanted_node, got):
                name = difference.path.partition(".")[0]
                untraced = _untraced(name, policy) if part == "trace" and name not in got else ""
                said = untraced or difference.got
                yield Mismatch(f"{prefix}{difference.path}", difference.expected, said, difference.location)


def _untraced(name: str, policy: Policy) -> str:
    """Return why a trace does not show what the policy does have by that name; nothing where it has no such thing."""
    if name in policy.typed.rules:
        return "nothing: this decision does not compute it"
    if name in policy.typed.parameters:
        return "nothing: it is a parameter, and a trace shows rules"
    return "nothing: a trace shows rules; `memory_after` is what is remembered" if name == "memory" else ""


def _given(written: Mapping, problems: Iterable[Problem]) -> Node | None:
    """Return where the test itself gives what the first of the problems is about; none where it does not."""
    for problem in problems:
        path = INDEX.sub(r".\1", problem.path or "")
        for part, before in (("set", ""), ("memory", "memory.")):
            for key, _ in entries_of(written.get(part)):
                if f"{path}.".startswith(f"{before}{key.text}."):
                    return key
    return None


class _Reader:
    """Turns a valid test file into cases; snapshots named by path are read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self._read: dict[str, dict[str, Json] | None] = {}

    def cases(self, document: Mapping) -> Iterator[Case]:
        base = self._snapshot(document)
        for test in items_of(document.get("tests")):
            if isinstance(test, Mapping):
                yield self._case(test, base)

    def _case(self, test: Mapping, base: dict[str, Json] | None) -> Case:
        name, memory = plain(test.get("name") or test), test.get("memory")
        steps = test.get("steps")
        if isinstance(steps, Sequence):
            for key in (key for key in EXPECTATIONS if key in test):
                self._problem(test.key(key) or test, "not-allowed", f"{key} belongs into the steps of this test")
            outer = self._situation(test, base)
            numbered = [(n, step) for n, step in enumerate(steps.items, 1) if isinstance(step, Mapping)]
            read = [self._step(step, outer, f"step {n}: ", text_at(test, "decision") or "") for n, step in numbered]
        else:
            read = [self._step(test, base, "", "")]
        start = {key: None if value == "none" else value for key, value in plain(memory).items()} if memory else None
        within = [step for step in items_of(steps) if isinstance(step, Mapping)]
        given = (one.get("set") for one in (test, *within))
        changes = tuple(one for one in given if isinstance(one, Mapping))
        return Case(name, test.location, start, tuple(read), changes)

    def _step(self, step: Mapping, base: dict[str, Json] | None, label: str, decision: str) -> Step:
        if not any(key in step for key in EXPECTATIONS):
            self._problem(step, "missing-key", f"nothing is expected here: write one of {', '.join(EXPECTATIONS)}")
        snapshot = self._situation(step, base)
        if snapshot is None:
            self._problem(step, "missing-key", "there is no snapshot", "give one to the test, or to the whole file")
        return Step(label, snapshot or {}, text_at(step, "decision") or decision or DEFAULT_DECISION, step)

    def _situation(self, part: Mapping, base: dict[str, Json] | None) -> dict[str, Json] | None:
        """Return the part's own snapshot, or the one around it, with the part's `set` put in."""
        snapshot = self._snapshot(part) if "snapshot" in part else base
        changes = part.get("set")
        if snapshot is None or not isinstance(changes, Mapping):
            return snapshot
        for path, value in changes.entries:
            try:
                snapshot = amended(snapshot, [(path.text, without_none(plain(value)))])
            except ValueError as error:
                self._problem(path, "bad-path", str(error))
        return snapshot

    def _snapshot(self, holder: Mapping) -> dict[str, Json] | None:
        node = holder.get("snapshot")
        if node is None or isinstance(node, Mapping):
            return plain(node) if node else None
        name = str(plain(node))
        if name not in self._read:
            self._read[name] = self._read_snapshot(name, node)
        return self._read[name]

    def _read_snapshot(self, name: str, node: Node) -> dict[str, Json] | None:
        """Return the JSON object in the named file; {} with a problem noted where there is none."""
        try:
            text = (self.folder / name).read_bytes()
            value, problems = read_json(text)
        except OSError as error:
            self._problem(node, "no-such-file", f"{name}: {error.strerror}", "the path is relative to this file")
            return {}
        except ValueError as error:
            self._problem(node, "not-json", f"{name}: {error}")
            return {}
        if not isinstance(value, dict):
            self._problem(node, "wrong-type", f"{name} holds no JSON object")
            return {}
        for problem in problems:
            self._problem(node, problem.code, f"{name}: {problem.path} {problem.message}")
        return value

    def _problem(self, node: Node, code: str, message: str, hint: str = "") -> None:
        self.problems.append(problem_at(node, code, message, hint))
