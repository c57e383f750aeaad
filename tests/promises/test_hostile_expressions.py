"""A hostile expression is refused by name, in bounded time and memory; nothing that it says is ever run as Python."""

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap import load_policy
from rulecap.language.grammar import Syntax, parse
from tests.promises.hostile import Json, hold_answered, policy_of, refused
from tests.promises.policies import put
from tests.promises.shipped import CALM

pytestmark = pytest.mark.usefixtures("no_hanging")


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
