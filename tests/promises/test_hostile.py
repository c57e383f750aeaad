"""A hostile policy is refused by name, in bounded time and memory; nothing that it says is ever run as Python."""

import ast
import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap import Policy, PolicyError, load_policy
from rulecap.engine.decision import Decision
from rulecap.language.grammar import Syntax, parse
from rulecap.problems import Problem
from tests.patience import patience
from tests.promises.policies import put
from tests.promises.test_trace_complete import CALM

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    """A test that hangs is ended and fails; nothing is measured."""
    with patience():
        yield


def policy_of(rules: Json, **more: Any) -> Json:
    outputs = more.pop("outputs", {"answer": "asked"})
    decision = {
        "title": "D",
        "outputs": outputs,
        "on_error": dict.fromkeys(outputs, "none"),
        **more.pop("decision", {}),
    }
    head = {"language": 1, "policy": "hostile", "version": "1.0.0", "title": "Hostile"}
    return {**head, **more, "decisions": {"asked_for": decision}, "rules": rules}


def refused(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """Return why a policy's text is refused; fail where it is not, or where that is not said."""
    put(folder, "")
    (folder / "policy.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PolicyError) as caught:
        load_policy(folder)
    assert caught.value.problems
    for problem in caught.value.problems:
        assert problem.code
        assert problem.message
        assert problem.code != "internal-error"
        assert len(problem.render()) < 50_000
        json.dumps(problem.to_dict())
    assert len(str(caught.value)) < 5_000_000
    return caught.value.problems


# Expressions that have broken out of simpleeval, asteval and other evaluators, or are of their kind.

ESCAPES = [
    # simpleeval: attributes of whatever has a name, methods that are called, formats, frames of generators, modules
    "__import__('os').system('id')",
    "__builtins__",
    "__builtins__['eval']('1')",
    "true.__class__.__class__.__base__.__subclasses__()",
    "().__class__.__base__.__subclasses__()",
    "''.__class__.__mro__",
    "account.__class__",
    "account.__class__.__init__.__globals__",
    "account.id.__class__",
    "account.__dict__",
    "account.mro()",
    "as_of.__class__.mro",
    "as_of.__reduce__()",
    "as_of.__reduce_ex__(2)",
    "as_of.tzinfo.utcoffset",
    "as_of.strftime('%Y')",
    "account.model_dump()",
    "account.model_dump",
    "account.model_fields",
    "account.model_config",
    "account.copy()",
    "positions.count(1)",
    "positions.gi_frame.f_globals",
    "positions.gi_frame.f_back.f_builtins",
    "account.id.encode()",
    "account.id.join(account.id)",
    "'{0.__class__}'.format(account)",
    "'{a.__class__}'.format_map(facts)",
    "'%s' % account",
    "f'{account.__class__}'",
    "f'{as_of:{account.id}}'",
    "'a'.mro",
    "sum.__globals__",
    "sum.func_globals",
    "min.__self__",
    "default.__globals__['os']",
    "hour.__code__.co_consts",
    "path.os.popen('id').read()",
    "as_of.os.popen('id').read()",
    "account.os",
    "facts.os.system('id')",
    "facts.update(a=1)",
    "facts.__class__",
    "facts['x']",
    "memory.__class__",
    "memory['x']",
    "exec('1')",
    "eval('1')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "getattr(account, 'id')",
    "setattr(account, 'id', 1)",
    "type(account)",
    "vars()",
    "dir()",
    "globals()",
    "locals()",
    "help()",
    "input()",
    "breakpoint()",
    "isinstance(account, 1)",
    "repr(account)",
    "print(1)",
    # asteval: reduce and getattr, procedures' attributes, values whose format is computed, exceptions' objects
    "print.__reduce__()",
    "print.__reduce__()[0]",
    "open.__self__",
    "().__class__.__bases__[0].__subclasses__()[104].load_module('os')",
    "(lambda x: x).__code__",
    "(lambda: 0)()",
    "lambda: 1",
    "account.__name__",
    "account.__argnames__",
    "account.__asteval__",
    "f'{account!r}'",
    "f\"{account:{'}{__fstring__.__class__'}}\"",
    "'{}'.format(1)",
    "numpy.ctypeslib",
    "array.tofile('x')",
    "sqrt.reduce",
    "sqrt.__self__",
    # comprehensions and generators that leak names, frames and builtins
    "[x for x in positions]",
    "{x for x in positions}",
    "{x: 1 for x in positions}",
    "(x for x in positions)",
    "sum(x.__class__ for x in positions)",
    "sum(x.gi_frame.f_back.f_builtins for x in positions)",
    "sum((y := 1) for x in positions)",
    "sum(x for x in positions for y in positions)",
    "sum(x.margin for x, y in positions)",
    "sum(x.margin for x.margin in positions)",
    "sum(x.margin for account in positions)",
    "sum(x.margin for __class__ in positions)",
    "sum(x.margin async for x in positions)",
    "sum(*positions)",
    "sum(positions, start=1)",
    "min(**facts)",
    "(x := 1)",
    "1 if (x := account) else 2",
    "yield",
    "(yield 1)",
    "await account",
    # forms of Python that are no expression of the language
    "account['id']",
    "positions[0]",
    "positions[0:1]",
    "positions[0].__class__",
    "{}",
    "{'a': 1}['a']",
    "(1, 2)",
    "[1, 2]",
    "1, 2",
    "5 % 3",
    "5 // 2",
    "1 << 30",
    "1 | 2",
    "~5",
    "+5",
    "1 @ 2",
    "1 is 1",
    "...",
    "1j",
    "b'x'",
    "r'x'",
    "u'x'",
    "'''x'''",
    "0x10",
    "0b1",
    "0o17",
    "True",
    "None",
    "NotImplemented",
    "import os",
    "x = 1",
    "del account",
    "assert 1",
    "1; 2",
    "pass",
    "`id`",
    "1 if 1",
    "account.id.",
    ".account",
    "account..id",
    "account . __class__",
    "account.\u005f_class__",
    "account._\uff3fclass_\uff3f",
    "\uff41ccount.margin_used",
    "\U0001d41account.margin_used",
    "ac\u200bcount.margin_used",
    "\u017fum(p.margin for p in positions)",
    "account.margin_u\u017fed",
    "constructor",
    "constructor.constructor('return process')()",
    "account.constructor",
    "toString()",
    "this.constructor.constructor('return process')().mainModule",
    "$(id)",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "#{7*7}",
    "\0",
    "1\0",
    "account\0.id",
    "\ud83d",
    "",
    "   ",
    # too much of it
    "(" * 500 + "1" + ")" * 500,
    "-" * 1999 + "1",
    "not " * 490 + "true",
    "1" + "+1" * 900,
    "1" + "**1" * 600,
    "[" * 900 + "]" * 900,
    "abs(" * 300 + "1" + ")" * 300,
    "1 if true else " * 120 + "1",
    ".".join(["account"] * 240),
    "9" * 1_999,
    "9" * 10_000,
    "1e400",
    "1e999999999",
    "a" * 1_999,
    "'" + "a" * 10_000 + "'",
]


@pytest.mark.parametrize("number", range(len(ESCAPES)), ids=lambda number: f"{number}-{ESCAPES[number][:30]!r}")
def test_an_escape_is_refused_where_it_stands(tmp_path: Path, number: int) -> None:
    """Whatever it would be: a number, or anything else."""
    for unit in ({}, {"unit": "ratio"}, {"unit": "USD"}):
        text = json.dumps(policy_of({"asked": {"kind": "formula", **unit, "formula": ESCAPES[number]}}), indent=1)
        found = refused(tmp_path, text)
        assert any(problem.location is not None and problem.location.line > 1 for problem in found), found


NODES = {
    *(
        "BoolOp",
        "BinOp",
        "UnaryOp",
        "IfExp",
        "Compare",
        "Call",
        "Name",
        "Attribute",
        "Constant",
        "GeneratorExp",
        "List",
    ),
    *("comprehension", "And", "Or", "Not", "USub", "Add", "Sub", "Mult", "Div", "Pow", "Load", "Store"),
    *("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "In", "NotIn"),
}
TOKENS = (
    *(
        "account",
        "positions",
        "as_of",
        "__class__",
        "_x",
        "gi_frame",
        "format",
        "sum",
        "min",
        "open",
        "x",
        "A",
        "1",
        "5%",
        "9x",
    ),
    *(
        "for",
        "in",
        "if",
        "else",
        "not",
        "and",
        "or",
        "is",
        "lambda",
        "await",
        "yield",
        "None",
        "true",
        "class",
        "import",
    ),
    *(
        ".",
        ",",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ":=",
        "*",
        "**",
        "/",
        "//",
        "%",
        "+",
        "-",
        "~",
        "@",
        "<",
        "==",
        "<<",
        "|",
    ),
    *("'a'", "f'{x}'", "b'a'", "...", "=", "!", "\\", "#", ";", "\n", "\0", "\uff3f", "1j", "0x1"),
)


def hold_allowed(text: str) -> None:
    """Fail where what the allow-list lets through has any node or any name that is not the language's."""
    parsed = parse(text)
    for node in ast.walk(parsed.tree) if isinstance(parsed, Syntax) else ():
        assert type(node).__name__ in NODES, text
        for name in (getattr(node, "id", "x"), getattr(node, "attr", "x"), getattr(node, "keywords", None) or "x"):
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", name), text
        if isinstance(node, ast.Constant):
            assert type(node.value) in (int, float, str), text


@pytest.mark.parametrize("number", range(len(ESCAPES)))
def test_the_allow_list_alone_lets_no_name_of_pythons_through(number: int) -> None:
    """The types would refuse it too; neither relies on the other."""
    hold_allowed(ESCAPES[number])


@given(
    st.lists(st.sampled_from(TOKENS), max_size=14).flatmap(
        lambda some: st.sampled_from(["", " "]).map(lambda gap: gap.join(some))
    )
)
@settings(max_examples=400)
def test_whatever_passes_the_allow_list_is_of_the_language(text: str) -> None:
    hold_allowed(text)


SPOTS = {
    "formula": lambda bad: policy_of({"asked": {"kind": "formula", "formula": bad}}),
    "output": lambda bad: policy_of({}, outputs={"answer": bad}),
    "condition": lambda bad: policy_of(
        {"asked": {"kind": "tree", "branches": [{"if": bad, "then": "A"}], "otherwise": "B"}}
    ),
    "branch": lambda bad: policy_of(
        {"asked": {"kind": "tree", "branches": [{"if": "true", "then": bad}], "otherwise": "B"}}
    ),
    "bands": lambda bad: policy_of(
        {"asked": {"kind": "bands", "of": bad, "cases": [{"name": "A", "below": 1}, {"name": "B"}]}}
    ),
    "table": lambda bad: policy_of({"asked": {"kind": "table", "of": bad, "rows": [{"name": "A", "is": ["A"]}]}}),
    "step": lambda bad: policy_of(
        {"asked": {"kind": "adjust", "unit": "ratio", "start": "1", "steps": [{"name": "s", "times": bad}]}}
    ),
    "why": lambda bad: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [{"name": "c", "if": "true", "verdict": "B", "why": f"is {{{bad}}}"}],
            }
        }
    ),
    "list": lambda bad: policy_of({"asked": {"kind": "each", "of": f"{bad} as p", "give": {"a": "as_of"}}}),
    "where": lambda bad: policy_of({"asked": {"kind": "pick", "from": "positions as p", "where": bad}}),
    "do": lambda bad: policy_of(
        {"asked": {"kind": "actions", "actions": [{"for": "positions as p", "do": {"a": bad}}]}}
    ),
    "memory": lambda bad: policy_of(
        {}, outputs={"answer": "as_of"}, memory={"m": {"type": "text", "start": "A", "next": bad}}
    ),
    "explain": lambda bad: policy_of({}, outputs={"answer": "as_of"}, decision={"explain": [f"is {{{bad}}}"]}),
    "hand over": lambda bad: policy_of(
        {}, outputs={"answer": "as_of"}, decision={"hand_over": [{"if": bad, "to": "other"}]}
    ),
}


@pytest.mark.parametrize("spot", SPOTS)
def test_an_escape_is_refused_in_every_place_for_an_expression(tmp_path: Path, spot: str) -> None:
    canary = tmp_path / "canary"
    for bad in (
        "__import__('os').system('id')",
        "account.__class__.__init__.__globals__",
        f"open('{canary}', 'w')",
        "account.model_dump()",
        "sum(x.__class__ for x in positions)",
        "'{0.__class__}'.format(account)" if spot not in ("why", "explain") else "account.__class__",
    ):
        refused(tmp_path / "p", json.dumps(SPOTS[spot](bad)))
    assert not canary.exists()


def test_texts_in_braces_are_no_format_strings(tmp_path: Path) -> None:
    """A name of the snapshot that looks like a format is shown as it is; what is no expression in braces is refused."""
    rule = {
        "kind": "checks",
        "order": ["A", "B"],
        "checks": [{"name": "c", "if": "true", "verdict": "B", "why": "{account.id} %s %(x)s"}],
    }
    policy = load_policy(put(tmp_path / "a", json.dumps(policy_of({"asked": rule}))))
    snapshot = {**CALM, "account": {**CALM["account"], "id": "{0.__class__}{as_of}%s"}}
    reason = policy.evaluate(snapshot, "asked_for").outputs["answer"]["reason"]
    assert reason == "{0.__class__}{as_of}%s %s %(x)s"
    for bad in ("{0.__class__}", "{account.id!r}", "{account.id:>10}", "{}", "{account.id=}", "{*positions}"):
        rule["checks"] = [{"name": "c", "if": "true", "verdict": "B", "why": bad}]
        refused(tmp_path / "b", json.dumps(policy_of({"asked": rule})))


def test_powers_and_products_stay_small(tmp_path: Path) -> None:
    for number, formula in enumerate(
        (
            "9 ** 9 ** 9",
            "(9 ** 64) ** 64",
            "1e15 ** 64",
            "(0 - 8) ** 0.5",
            "0 ** (0 - 1)",
            "((1e15 ** 20) * (1e15 ** 20))",
            "999999999999999 ** 3 ** 3",
        )
    ):
        rules = {"asked": {"kind": "formula", "unit": "ratio", "formula": formula}}
        answer = load_policy(put(tmp_path / str(number), json.dumps(policy_of(rules)))).evaluate(CALM, "asked_for")
        assert not answer.ok
        assert answer.problems[0].code in ("out-of-domain", "not-finite", "division-by-zero")


def test_whole_numbers_do_not_grow_without_bound(tmp_path: Path) -> None:
    """Python's whole numbers have no end by themselves; the language's do."""
    rules: Json = {"asked_0": {"kind": "formula", "unit": "count", "formula": "999999999999999"}}
    for number in range(1, 400):
        formula = f"999999999999999 * asked_{number - 1}"
        rules[f"asked_{number}"] = {"kind": "formula", "unit": "count", "formula": formula}
    policy = load_policy(put(tmp_path, json.dumps(policy_of(rules, outputs={"answer": "asked_399"}))))
    answer = policy.evaluate(CALM, "asked_for")
    hold_answered(answer)
    assert [problem.code for problem in answer.problems] == ["not-finite"]


def hold_answered(answer: Decision) -> None:
    json.dumps([answer.outputs, answer.memory], allow_nan=False)
    json.loads(answer.trace.to_json())
    answer.trace.explain()
    assert "internal-error" not in {problem.code for problem in answer.problems}


# Files that are bombs.

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)
HEAD = "language: 1\npolicy: p\nversion: 1.0.0\ntitle: T\n"
BOMBS: dict[str, str | bytes] = {
    "billion laughs": LAUGHS,
    "billion laughs in a policy": HEAD + "parameters:\n" + "".join(f"  {line}\n" for line in LAUGHS.splitlines()),
    "quadratic": f"a: &a '{'x' * 100_000}'\nb: [{', '.join(['*a'] * 5_000)}]\n",
    "many aliases": "a: &a 1\nb: [" + ", ".join(["*a"] * 100_000) + "]\n",
    "an alias of itself": "a: &a [*a]\n",
    "a mapping of itself": "&a ? *a\n: *a\n",
    "deep lists": "a: " + "[" * 100_000 + "]" * 100_000,
    "deep open lists": "[" * 500_000,
    "deep mappings": "".join(" " * n + "a:\n" for n in range(900)),
    "deep flow mappings": "{a: " * 50_000,
    "deep keys": "? " * 20_000,
    "deep dashes": "- " * 50_000,
    "a huge scalar": HEAD + "why: " + "x" * 2_000_000,
    "a huge key": "x" * 1_000_000 + ": 1\n",
    "many keys": "".join(f"k{n}: 1\n" for n in range(90_000)),
    "many rules": HEAD + "rules:\n" + "".join(f"  r{n}: 1\n" for n in range(60_000)),
    "duplicate keys": HEAD + "rules: {}\n" * 20_000,
    "many documents": "---\na: 1\n" * 20_000,
    "python objects": "a: !!python/object/apply:os.system ['id']\n",
    "python names": "a: !!python/name:os.system\n",
    "a tag of ours": "a: !include /etc/passwd\n",
    "binary": "a: !!binary aGk=\n",
    "merge keys": HEAD + "rules: {<<: {a: {kind: formula, formula: as_of}}}\n",
    "null bytes": b"language: 1\n\0\0\0policy: p\n",
    "escaped null bytes": HEAD + 'why: "\\0"\nrules: {"a\\0b": {kind: formula, formula: as_of}}\n',
    "no utf-8": b"language: 1\npolicy: \xff\xfe\n",
    "utf-16": "language: 1\n".encode("utf-16"),
    "surrogates": HEAD + 'why: "\\ud800"\n',
    "control characters": b"language: 1\npolicy: \x01\x02\n",
    "a bell in a name": HEAD + 'rules: {"\\a": {kind: formula, formula: as_of}}\n',
    "huge numbers": HEAD + f"parameters: {{a: {{unit: ratio, value: {'9' * 10_000}}}}}\n",
    "huge hexadecimal": HEAD + f"parameters: {{a: {{unit: ratio, value: 0x{'f' * 200_000}}}}}\n",
    "huge octal": HEAD + f"parameters: {{a: {{unit: ratio, value: 0o{'7' * 200_000}}}}}\n",
    "huge exponents": HEAD + "parameters: {a: {unit: ratio, value: 1e999999999}}\n",
    "a huge literal": HEAD + f"parameters: {{a: {{value: {'9' * 100_000}%}}}}\n",
    "a huge decimal literal": HEAD + f"parameters: {{a: {{value: 1e{'9' * 1_000} USD}}}}\n",
    "not a number": HEAD + "parameters: {a: {unit: ratio, value: .nan}}\n",
    "infinity": HEAD + "parameters: {a: {unit: ratio, value: .inf}}\n",
    "nothing": "",
    "a comment": "# nothing\n",
    "a scalar": "5\n",
    "a list": "- 1\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "an unclosed quote": HEAD + 'why: "' + "x" * 100_000,
    "a tab": "a:\n\tb: 1\n",
    "an escape beyond the last character": 'a: "\\UFFFFFFFF"\n',
    "a huge anchor": "a: &" + "x" * 500_000 + " 1\n",
    "many anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(40_000)),
    "many colons": ":" * 500_000,
    "many quotes": "'" * 500_001,
    "many commas": "[" + "," * 500_000 + "]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, BOMBS[name])


@pytest.mark.parametrize("name", ["billion laughs", "quadratic", "deep lists", "a huge scalar"])
def test_a_bomb_takes_little_memory(tmp_path: Path, name: str) -> None:
    tracemalloc.start()
    try:
        refused(tmp_path, BOMBS[name])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 150 * 2**20


GOOD = "rules: {asked: {kind: formula, formula: as_of}}\n"
INCLUDES = [
    "../outside.yaml",
    "/etc/passwd",
    "sub/../../outside.yaml",
    "..\\outside.yaml",
    "\\outside.yaml",
    "policy.yaml",
    "sub",
    ".",
    "",
    "./../outside.yaml",
    "C:\\outside.yaml",
    "file:///etc/passwd",
    "missing.yaml",
    "sub/..",
    "x\0.yaml",
    "~/x.yaml",
]


def including(name: str, answer: str = "as_of") -> str:
    """Return a policy that includes a file, and answers with an expression."""
    decisions = {"asked_for": {"title": "D", "outputs": {"answer": answer}, "on_error": {"answer": "none"}}}
    head = {"language": 1, "policy": "p", "version": "1.0.0", "title": "T", "include": [name]}
    return json.dumps({**head, "decisions": decisions})


@pytest.mark.parametrize("include", INCLUDES)
def test_an_include_stays_in_its_folder(tmp_path: Path, include: str) -> None:
    (tmp_path / "outside.yaml").write_text(GOOD)
    (tmp_path / "p" / "sub").mkdir(parents=True)
    assert {problem.code for problem in refused(tmp_path / "p", including(include))} & {
        "bad-include",
        "wrong-form",
        "too-few",
        "out-of-range",
    }


def test_a_link_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(GOOD)
    folder = put(tmp_path / "p", "")
    try:
        (folder / "inside.yaml").symlink_to(tmp_path / "outside.yaml")
    except OSError:
        pytest.skip("no links here")
    assert "bad-include" in {problem.code for problem in refused(folder, including("inside.yaml", "asked"))}


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    folder = put(tmp_path / "p", "")
    try:
        (folder / "round.yaml").symlink_to("round.yaml")
    except OSError:
        pytest.skip("no links here")
    assert "bad-include" in {problem.code for problem in refused(folder, including("round.yaml"))}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading it would wait for ever."""
    folder = put(tmp_path / "p", "")
    os.mkfifo(folder / "pipe.yaml")
    assert "bad-include" in {problem.code for problem in refused(folder, including("pipe.yaml"))}


def test_overlays_in_a_circle_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"{HEAD}extends: {other}.yaml\nset: {{}}\n")
    with pytest.raises(PolicyError):
        load_policy(tmp_path / "a.yaml")


@pytest.mark.parametrize("where", ["", "\0", "x" * 10_000, "/", "..", "no/such", "default\0", "💥", "\ud800"])
def test_a_place_that_is_no_policy_is_refused(where: str) -> None:
    with pytest.raises(PolicyError):
        load_policy(where)


# Names.

NAMES = [
    "__class__",
    "constructor",
    "__init__",
    "class",
    "def",
    "lambda",
    "import",
    "print",
    "len",
    "list",
    "dict",
    "exec",
    "self",
    "cls",
    "syntax",
    "expression",
    "template",
    "none",
    "true",
    "any",
    "value",
    "memory",
    "name",
    "e_value",
    "v_text",
    "k0",
    "t1",
    "s_account",
    "r_asked",
    "f_float",
    "f_finite",
    "o",
    "s",
    "m",
    "v",
    "t",
    "at_asked",
    "rows_asked",
    "x_asked",
    "__import__",
    "a b",
    "a.b",
    "a-b",
    "A",
    "1a",
    "ä",
    "",
    "x" * 5_000,
    "prototype",
    "__proto__",
    "datetime",
    "sum",
    "min",
    "account",
    "as_of",
    "at",
    "cases",
    "rows",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    """As a rule, a parameter, a column, an output, an element and a fact: refused by name, or it means itself."""
    number = {"kind": "formula", "unit": "ratio", "formula": "0.25"}
    band = {
        "kind": "bands",
        "of": "account.margin_used",
        "cases": [{"name": "A", "below": "1 USD", name: 3}, {"name": "B", name: 4}],
    }
    give = {"kind": "each", "of": f"positions as {name}", "give": {name: "as_of"}}
    for kind, policy in {
        "rule": policy_of({name: number}, outputs={"answer": f"{name} + 1"}),
        "parameter": policy_of(
            {}, parameters={name: {"unit": "ratio", "value": 0.25}}, outputs={"answer": f"{name} + 1"}
        ),
        "output": policy_of({}, outputs={name: "1.25"}),
        "memory": policy_of(
            {},
            memory={name: {"unit": "ratio", "start": "0.25", "next": f"memory.{name}"}},
            outputs={"answer": f"memory.{name} + 1"},
        ),
        "column": policy_of({"asked": band}, outputs={"answer": f"asked.{name} - 2.75"}),
        "element": policy_of({"asked": give}, outputs={"answer": "1.25 if count(asked) == 0 else 0"}),
    }.items():
        loaded = loaded_or_refused(put(tmp_path / kind, json.dumps(policy)))
        if loaded is None:
            continue
        answer = loaded.evaluate(CALM, "asked_for")
        hold_answered(answer)
        assert list(answer.outputs.values()) == [1.25], (kind, answer.problems)
        assert loaded.reference(CALM, "asked_for").outputs == answer.outputs


def test_keys_of_a_snapshot_are_no_names(tmp_path: Path) -> None:
    inputs = {"facts.boost": {"unit": "ratio", "optional": True}}
    policy = load_policy(
        put(tmp_path, json.dumps(policy_of({}, inputs=inputs, outputs={"answer": "default(facts.boost, 1)"})))
    )
    for name in ("__class__", "get", "boost ", "Boost", "K0", "a.b", "__init__", "constructor", "\0", "{boost}"):
        answer = policy.evaluate({**CALM, "facts": {name: 5.0}}, "asked_for")
        hold_answered(answer)
        assert answer.outputs == {"answer": 1}


# Large ones.


def in_files(folder: Path, policy: Json, files: int) -> Path:
    """Put a policy into a folder, its rules in several files."""
    rules = list(policy.pop("rules").items())
    size = -(-len(rules) // files)
    put(folder, json.dumps({**policy, "include": [f"rules{n}.yaml" for n in range(files)]}))
    for number in range(files):
        part = dict(rules[number * size : (number + 1) * size])
        (folder / f"rules{number}.yaml").write_text(json.dumps({"rules": part}))
    return folder


def loaded_or_refused(folder: Path) -> Policy | None:
    """Return the policy, none where it is refused; whatever else is raised is a finding."""
    try:
        return load_policy(folder)
    except PolicyError:
        return None


@pytest.mark.parametrize("count", [1_500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_long_chain_of_rules_is_computed(tmp_path: Path, count: int) -> None:
    rules: Json = {"r0": {"kind": "formula", "unit": "ratio", "formula": "0"}}
    for number in range(count - 1, 0, -1):  # the last one first: order is found, not written
        rules[f"r{number}"] = {"kind": "formula", "unit": "ratio", "formula": f"r{number - 1} + 1"}
    policy = load_policy(in_files(tmp_path, policy_of(rules, outputs={"answer": f"r{count - 1}"}), 1 + count // 2_500))
    answer = policy.evaluate(CALM, "asked_for")
    assert answer.ok, answer.problems
    assert answer.outputs == {"answer": float(count - 1)}
    assert len(answer.trace.steps) == count


def test_a_long_circle_of_rules_is_refused(tmp_path: Path) -> None:
    rules = {f"r{n}": {"kind": "formula", "unit": "ratio", "formula": f"r{(n + 1) % 1_500} + 1"} for n in range(1_500)}
    found = refused(tmp_path, json.dumps(policy_of(rules, outputs={"answer": "r0"})))
    assert "cycle" in {problem.code for problem in found}


def test_rules_that_all_read_each_other_are_refused(tmp_path: Path) -> None:
    everything = " + ".join(f"r{n}" for n in range(35))
    rules = {f"r{n}": {"kind": "formula", "unit": "ratio", "formula": everything} for n in range(300)}
    refused(tmp_path, json.dumps(policy_of(rules, outputs={"answer": "r0"})))


LARGE: dict[str, Any] = {
    "bands": lambda n: policy_of(
        {
            "asked": {
                "kind": "bands",
                "of": "account.margin_used",
                "cases": [*({"name": f"C{i}", "below": f"{i + 1} USD"} for i in range(n)), {"name": "REST"}],
            }
        },
        outputs={"answer": "asked.name"},
    ),
    "table": lambda n: policy_of(
        {"asked": {"kind": "table", "of": "account.id", "rows": [{"name": f"R{i}", "is": [f"N{i}"]} for i in range(n)]}}
    ),
    "branches": lambda n: policy_of(
        {
            "asked": {
                "kind": "tree",
                "branches": [{"if": f"account.margin_used < {i} USD", "then": f"T{i}"} for i in range(n)],
                "otherwise": "REST",
            }
        }
    ),
    "checks": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [
                    {"name": f"c{i}", "if": f"account.margin_used > {i} USD", "verdict": "B", "why": "{as_of}"}
                    for i in range(n)
                ],
            }
        }
    ),
    "steps": lambda n: policy_of(
        {
            "asked": {
                "kind": "adjust",
                "unit": "USD",
                "start": "account.margin_used",
                "steps": [{"name": f"s{i}", "plus": "1 USD", "why": "{value}"} for i in range(n)],
            }
        },
        outputs={"answer": "asked", "list": "adjustments(asked)"},
    ),
    "actions": lambda n: policy_of(
        {
            "asked": {
                "kind": "actions",
                "actions": [{"for": "positions as p", "do": {"a": "p.symbol"}} for _ in range(n)],
            }
        }
    ),
    "outputs": lambda n: policy_of({}, outputs={f"o{i}": "as_of" for i in range(n)}),
    "texts": lambda n: policy_of({}, outputs={"answer": "as_of"}, decision={"explain": ["{as_of} " * n]}),
    "why": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [{"name": "c", "if": "true", "verdict": "B", "why": "{as_of} " * n}],
            }
        }
    ),
    "memory": lambda n: policy_of(
        {},
        outputs={"answer": "as_of"},
        memory={f"m{i}": {"type": "time", "start": "none", "next": "as_of"} for i in range(n)},
    ),
    "names": lambda n: policy_of(
        {}, outputs={"answer": "as_of"}, inputs={"signal.market_regime": {"one_of": [f"N{i}" for i in range(n)]}}
    ),
    "conditions": lambda n: policy_of(
        {
            "asked": {
                "kind": "tree",
                "branches": [{"if": " and ".join(["as_of==as_of"] * min(n, 117)), "then": "A"}],
                "otherwise": "B",
            }
        }
    ),
    "either": lambda n: policy_of(
        {
            "asked": {
                "kind": "checks",
                "order": ["A", "B"],
                "checks": [
                    {"name": "c", "if": " or ".join(["as_of!=as_of"] * min(n, 120)), "verdict": "B", "why": "x"}
                ],
            }
        }
    ),
    "compared": lambda n: policy_of({"asked": {"kind": "formula", "formula": "<=".join(["as_of"] * min(n, 280))}}),
}


@pytest.mark.parametrize("count", [120, 1_500])
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_rule_is_computed_or_refused(tmp_path: Path, kind: str, count: int) -> None:
    """No limit of Python's own is met: not its recursion, its nesting of blocks, its indentation."""
    policy = loaded_or_refused(put(tmp_path, json.dumps(LARGE[kind](count))))
    if policy is None:
        assert count > 120, "a policy of this size is an ordinary one"
        return
    answer = policy.evaluate(CALM, "asked_for")
    hold_answered(answer)
    assert answer.ok, answer.problems


def nested_tree(depth: int) -> Json:
    tree: Any = "LAST"
    for number in range(depth):
        tree = {"branches": [{"if": f"account.margin_used < {number} USD", "then": f"T{number}"}], "otherwise": tree}
    return {"kind": "tree", **tree}


@pytest.mark.parametrize("depth", [5, 15, 30, 35, 60, 500])
def test_a_deep_tree_is_computed_or_refused(tmp_path: Path, depth: int) -> None:
    policy = loaded_or_refused(put(tmp_path, json.dumps(policy_of({"asked": nested_tree(depth)}))))
    if policy is None:
        assert depth > 15
        return
    answer = policy.evaluate(CALM, "asked_for")
    hold_answered(answer)
    assert answer.outputs == {"answer": "LAST"}


def test_a_folder_that_may_not_be_looked_into_has_no_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(PolicyError) as raised:
        load_policy(tmp_path / "p")
    assert [problem.code for problem in raised.value.problems] == ["no-such-policy"]
    assert "Permission denied" in raised.value.problems[0].message
