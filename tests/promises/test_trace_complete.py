"""The trace is complete: the record alone gives the decision again, and each step follows from what it shows."""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rulecap import load_policy
from rulecap.engine.decision import Decision
from rulecap.language.functions import COMPUTED, OVER_LISTS, add
from rulecap.measures.orders import round_down
from tests.promises.policies import put, situation, written
from tests.promises.shipped import ROOT, SHIPPED, shipped
from tests.snapshots import random_snapshot, sequence

Json = dict[str, Any]


def decisions(name: str, count: int) -> Iterator[tuple[Json, str, Json | None, Decision]]:
    rng, policy = Random(f"trace {name}"), shipped(name)
    memory: Json | None = None
    for snapshot in [*(random_snapshot(rng) for _ in range(count)), *sequence(rng, count)]:
        asked = rng.choice(policy.decisions)
        answer = policy.evaluate(snapshot, asked, memory)
        yield snapshot, asked, memory, answer
        memory = answer.memory if rng.random() < 0.8 else None


def as_bytes(decision: Decision) -> tuple[bytes, bytes, bytes]:
    return json.dumps(decision.outputs).encode(), json.dumps(decision.memory).encode(), decision.trace.to_json()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_record_alone_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    """Policy files, snapshot and memory, each through its bytes: a copy of the folder, JSON there and back."""
    shutil.copytree(ROOT / "policies", tmp_path / "kept")
    again = load_policy(tmp_path / "kept" / (f"{name}.yaml" if name == "conservative" else name))
    assert again.digest == shipped(name).digest
    for snapshot, asked, memory, answer in decisions(name, 60):
        record = json.dumps({"snapshot": snapshot, "memory": memory})
        read = json.loads(record)
        first = as_bytes(answer)
        assert as_bytes(again.evaluate(read["snapshot"], asked, read["memory"])) == first
        assert as_bytes(again.evaluate(json.dumps(snapshot).encode(), asked, read["memory"])) == first


def test_the_record_of_a_generated_policy_gives_the_same_bytes(tmp_path: Path) -> None:
    for seed in range(5):
        rng = Random(f"record {seed}")
        text = written(rng)
        policy, again = (load_policy(put(tmp_path / f"{seed} {copy}", text)) for copy in "ab")
        memory: Json | None = None
        for _ in range(6):
            snapshot = situation(rng)
            answer = policy.evaluate(snapshot, "whole", memory)
            read = json.loads(json.dumps([snapshot, memory]))
            assert as_bytes(again.evaluate(read[0], "whole", read[1])) == as_bytes(answer)
            memory = answer.memory


# Each step's value follows from what the step shows.

CONSTANTS = {"true": True, "false": False, "none": None}
TIME = re.compile(r"datetime\.datetime\(|\d{4}-\d\d-\d\dT")


class Unshown(Exception):
    """A formula reads what the trace shows elsewhere: a list, a record, a book, a lookup."""


def value_of(text: str) -> Any:
    """Compute a formula in which every value is put in: arithmetic as it is written, nothing looked up."""
    shown = re.sub(
        r"(?<![\w.'\"])((?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) ?(%|bp|x|min|h|d|s|USD)(?!\w)", _suffix, text
    )
    if TIME.search(shown):
        raise Unshown(text)
    return _compute(ast.parse(shown.strip(), mode="eval").body)


def _suffix(match: re.Match[str]) -> str:
    return repr(float(match[1]) * {"bp": 0.01, "d": 24.0}.get(match[2], 1.0) / {"min": 60.0}.get(match[2], 1.0))


def _compute(node: ast.expr) -> Any:  # noqa: PLR0911, PLR0912, C901  # one case for each form of expression
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name in CONSTANTS:
                return CONSTANTS[name]
            if name in ("None", "True", "False") or name.isupper():
                return {"None": None, "True": True, "False": False}.get(name, name)
            raise Unshown(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_compute(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _compute(operand)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _compute(left), _compute(right)
            if isinstance(op, ast.Pow):
                return float(a) ** b
            return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}[type(op)] if not isinstance(op, ast.Div) else a / b
        case ast.BoolOp(op=op, values=values):
            for one in values:
                result = _compute(one)
                if bool(result) == isinstance(op, ast.Or):
                    return result
            return result
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _compute(body) if _compute(test) else _compute(orelse)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compared(left, ops, comparators)
        case ast.List(elts=items):
            return [_compute(item) for item in items]
        case ast.Call(func=ast.Name(id="known"), args=[one]):
            return _compute(one) is not None
        case ast.Call(func=ast.Name(id="default"), args=[one, other]):
            value = _compute(one)
            return _compute(other) if value is None else value
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in COMPUTED and (
            len(arguments) > 1 or name not in OVER_LISTS
        ):
            return COMPUTED[name](*(_compute(one) for one in arguments))
    raise Unshown(ast.unparse(node))


def _compared(left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr]) -> bool:
    value = _compute(left)
    for op, comparator in zip(ops, comparators, strict=True):
        other = _compute(comparator)
        holds = {
            ast.Eq: lambda a, b: a == b,
            ast.NotEq: lambda a, b: a != b,
            ast.Lt: lambda a, b: a < b,
            ast.LtE: lambda a, b: a <= b,
            ast.Gt: lambda a, b: a > b,
            ast.GtE: lambda a, b: a >= b,
            ast.In: lambda a, b: a in b,
            ast.NotIn: lambda a, b: a not in b,
        }[type(op)](value, other)
        if not holds:
            return False
        value = other
    return True


COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
APPLY = {
    "times": lambda value, by: value * by,
    "plus": lambda value, by: value + by,
    "minus": lambda value, by: value - by,
    "at_least": max,
    "at_most": min,
    "round_down_to": round_down,
}


def follows_formula(step: Json) -> bool:
    try:
        computed = value_of(step["detail"]["with_values"])
    except Unshown:
        return False
    assert computed == step["value"], step
    return True


def follows_bands(step: Json) -> bool:
    detail = step["detail"]
    cases, number = detail["cases"], detail["number"]
    fits = [
        one["name"]
        for one in cases
        if one["to"] is None or number < one["to"] or (one["includes_to"] and number == one["to"])
    ]
    assert fits[0] == detail["matched"] == step["value"]["name"], step
    own = next(one for one in cases if one["name"] == detail["matched"])
    assert (step["value"]["from"], step["value"]["to"]) == (own["from"], own["to"])
    assert all(step["value"][name] == value for name, value in own.get("columns", {}).items())
    assert detail["to_next"] == (None if own["to"] is None else own["to"] - number)
    assert detail["to_previous"] == (None if own["from"] is None else number - own["from"])
    return True


def follows_table(step: Json) -> bool:
    detail = step["detail"]
    assert (step["value"] or {}).get("name") == detail["matched"]
    assert detail["matched"] is None or step["value"] == detail.get("rows", {}).get(detail["matched"], step["value"])
    return True


def follows_adjust(step: Json) -> bool:
    detail = step["detail"]
    value = detail["start"]
    for one in detail["steps"]:
        assert one["from"] == value, step
        for operation in one.get("operations", ()):
            value = APPLY[operation["operation"]](value, operation["by"])
        assert one["to"] == value, step
        assert one["changed"] == (one["from"] != one["to"])
        assert one["applies"] or not one["changed"]
        assert one["source"]["line"] > 0
    assert step["value"] == value, step
    return True


def follows_condition(condition: Json) -> None:
    """Each comparison's distance is right; where one comparison is the whole condition, it decides."""
    held = []
    for one in condition["compared"]:
        if "known" in one:
            held.append(one["is"])
            continue
        held.append(COMPARE[one["is"]](one["left"], one["right"]) if one["left"] is not None else False)
        numeric = isinstance(one["left"], int | float) and not isinstance(one["left"], bool)
        assert one["by"] == (one["left"] - one["right"] if numeric else None)
    text = condition["if"]
    if len(held) == 1 and not re.search(r"\b(and|or|not|if|in|count|sum)\b", text):
        assert held[0] == condition["holds"], condition


def follows_checks(step: Json) -> bool:
    detail = step["detail"]
    for check in detail["checks"]:
        follows_condition(check)
    fired = [check for check in detail["checks"] if check["holds"]]
    assert [one["check"] for one in step["value"]["reasons"]] == [check["check"] for check in fired]
    worst = max((detail["order"].index(check["verdict"]) for check in fired), default=0)
    assert step["value"]["verdict"] == detail["order"][worst]
    return True


def follows_tree(step: Json) -> bool:
    branches = step["detail"]["branches"]
    for branch in branches:
        if "if" in branch:
            follows_condition(branch)
    last = branches[-1]
    assert "otherwise" in last or last["holds"]
    assert all(not branch["holds"] or branch is last or branch["then"] == "…" for branch in branches if "if" in branch)
    taken = last.get("otherwise", last.get("then"))
    if re.fullmatch(r"[A-Z_]+", taken):
        assert step["value"] == taken
    return True


def follows_pick(step: Json) -> bool:
    detail = step["detail"]
    if detail["count"] > len(detail["candidates"]):
        return False
    fits = [one for one in detail["candidates"] if one["fits"]]
    picked = [one for one in fits if one["picked"]]
    assert bool(fits) == (step["value"] is not None)
    if not fits or ("lowest" not in detail and "highest" not in detail):
        assert not fits or picked[0] is fits[0]
        return True
    known = [one["value"] for one in fits if one["value"] is not None]
    if known:
        assert picked[0]["value"] == (min if "lowest" in detail else max)(known)
    return True


def follows_each(step: Json) -> bool:
    assert len(step["value"]) <= step["detail"]["count"]
    assert all(set(one) == set(step["detail"]["give"]) for one in step["value"])
    return True


def follows_actions(step: Json) -> bool:
    most = add(action["candidates"] for action in step["detail"]["actions"] if action["holds"])
    assert len(step["value"]) <= most
    return True


FOLLOWS = {
    "formula": follows_formula,
    "bands": follows_bands,
    "table": follows_table,
    "adjust": follows_adjust,
    "checks": follows_checks,
    "tree": follows_tree,
    "pick": follows_pick,
    "each": follows_each,
    "actions": follows_actions,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_step_follows_from_what_it_shows(name: str) -> None:
    followed: dict[str, int] = {}
    for _, _, _, answer in decisions(name, 60):
        for step in answer.trace.steps:
            if step["detail"] is not None and FOLLOWS[step["kind"]](step):
                followed[step["kind"]] = followed.get(step["kind"], 0) + 1
    assert set(followed) == set(FOLLOWS)
    assert followed["formula"] > 500


def test_each_step_of_a_generated_policy_follows_from_what_it_shows(tmp_path: Path) -> None:
    seen = 0
    for seed in range(10):
        rng = Random(f"follows {seed}")
        policy = load_policy(put(tmp_path / str(seed), written(rng)))
        for _ in range(8):
            for step in policy.evaluate(situation(rng), "whole").trace.steps:
                if step["detail"] is not None and step["kind"] not in ("formula", "checks", "tree"):
                    seen += FOLLOWS[step["kind"]](step)
    assert seen > 50


@pytest.mark.parametrize("name", SHIPPED)
def test_every_value_read_is_the_value_of_its_step(name: str) -> None:
    """What a step shows as read of another rule is that rule's value, and what it read of the snapshot stands there."""
    for snapshot, _, _, answer in decisions(name, 30):
        steps = answer.trace.steps
        values = {step["rule"]: step["value"] for step in steps}
        done: set[str] = set()
        for step in steps:
            for read, value in step["reads"].items():
                path = read.split(".")
                if len(path) > 1 and path[1].isupper():
                    continue  # a case by its name, matched or not
                if path[0] in values:
                    assert path[0] in done, f"{step['rule']} reads {read} before it is computed"
                    assert _at(values[path[0]], path[1:]) == value
                elif path[0] in snapshot and path[0] != "as_of":
                    given = _at(snapshot[path[0]], path[1:])
                    assert given is None or given == value
            done.add(step["rule"])


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
