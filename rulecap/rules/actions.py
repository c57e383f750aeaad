"""`kind: actions` — what to do with which elements of a list, in which order, until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.language.unit_errors import clash_code
from rulecap.language.values import show
from rulecap.policy.nodes import Mapping, problem_at
from rulecap.rules.code import Code, record
from rulecap.rules.lists import Each, Loop, check_no_clash, loop, unnamed
from rulecap.rules.parts import Formula, Formulas, Items, Part, Rule
from rulecap.rules.typed import MOST_SHOWN, Checker, Typed

Terms = dict[str, tuple[Expression, Term]]


class Action(Part):
    """What is done for each element that fits, lowest `first` first, as long as `while` holds."""

    when: Formula | None = None
    over: Each = Field(alias="for")
    where: Formula | None = None
    first: Formula | None = None
    sums: Formulas = Field(default_factory=dict)
    as_long_as: Formula | None = Field(default=None, alias="while")
    do: Formulas


class ActionsRule(Rule):
    """A list of actions."""

    kind: Literal["actions"]
    actions: Annotated[tuple[Action, ...], Items]

    def check(self, scope: Scope) -> "TypedActions":
        """Return the rule with its type; all actions have the same fields."""
        checker = Checker(scope, self)
        typed = tuple(_typed(checker, action) for action in self.actions)
        fields: dict[str, t.Type] = {}
        for number, action in enumerate(typed):
            fields = (
                _joined(scope, fields, action) if number else {name: term.type for name, (_, term) in action.do.items()}
            )
        kind = t.Record(fields, "key", "action")
        return TypedActions(self, t.ListOf(kind), typed)


def _joined(scope: Scope, above: dict[str, t.Type], action: "TypedAction") -> dict[str, t.Type]:
    """Return the fields' types over all actions so far; fields that differ are noted."""
    if set(above) != set(action.do):
        node = action.action.node.get("do")
        assert isinstance(node, Mapping)  # the schema asks for it
        message = f"this action gives {', '.join(action.do)}, those above {', '.join(above)}"
        scope.problems.append(problem_at(node, "wrong-type", message, "all actions of a rule have the same fields"))
        return above
    joined = dict(above)
    for name, (written, term) in action.do.items():
        both = t.unify(above[name], term.type)
        if both is None:
            message = f"{name} is {t.described(term.type)} here, above it is {t.described(above[name])}"
            scope.problems.append(written.problem(0, clash_code(above[name], term.type), message))
        joined[name] = both or above[name]
    return joined


def _typed(checker: Checker, action: Action) -> "TypedAction":
    when = None
    if action.when is not None:
        when = (action.when, checker.condition(action.when))
        checker = Checker(checker.scope.knowing(proven_by(action.when, True)), checker.rule)
    elements = loop(checker, action.over, action.where)
    if not action.over.name:
        return TypedAction(action, when, elements, None, {}, None, unnamed(action.do))
    first = (
        (action.first, checker.ordered(action.first, checker.term(action.first, elements.scope)))
        if action.first
        else None
    )
    sums = {name: (written, checker.number(written, elements.scope)) for name, written in action.sums.items()}
    check_no_clash(action.node.get("sums"), action.over.name, checker)
    within = elements.scope.bind(**{name: term.type for name, (_, term) in sums.items()})
    goes_on = (action.as_long_as, checker.condition(action.as_long_as, within)) if action.as_long_as else None
    do = {name: (written, checker.term(written, elements.scope)) for name, written in action.do.items()}
    return TypedAction(action, when, elements, first, sums, goes_on, do)


@dataclass(frozen=True, slots=True)
class TypedAction:
    """An action with its terms."""

    action: Action
    when: tuple[Expression, Term] | None
    loop: Loop
    first: tuple[Expression, Term] | None
    sums: Terms
    goes_on: tuple[Expression, Term] | None
    do: Terms

    def terms(self) -> list[Term]:
        """Return all terms."""
        single = [part[1] for part in (self.when, self.first, self.goes_on) if part]
        return [*single, *self.loop.terms(), *(term for _, term in [*self.sums.values(), *self.do.values()])]

    def candidates(self, code: Code) -> str:
        """Find the elements in their order, before anything is done with one; return source of them."""
        element, source = self.loop.variable, code.term(self.loop.source)
        if self.first is None and self.loop.where is None:
            return source
        code.line("v_found = []")
        with code.block(f"for {element} in {source}:", self.loop.over.expression.location()):
            if self.loop.where:
                code.line(f"if not {code.term(self.loop.where[1])}: continue", self.loop.where[0].location())
            if self.first is None:
                code.line(f"v_found.append({element})")
                return "v_found"
            code.line(f"v_found.append(({code.finite(self.first[1])}, {element}))", self.first[0].location())
        return f"{code.emitter.named('f_lowest_first', lowest_first)}(v_found)"

    def count(self, code: Code) -> str:
        """Return source of how many elements there are."""
        element, source = self.loop.variable, code.emitter.gone_through(self.loop.source)
        if self.loop.where is None:
            return f"len({source})"
        return f"len([{element} for {element} in {source} if {code.term(self.loop.where[1])}])"

    def left_out(self, code: Code) -> str:
        """Return source of what names the elements on which `where` does not hold."""
        assert self.loop.where is not None  # asked for only then
        element, source = self.loop.variable, code.emitter.gone_through(self.loop.source)
        return f"[{self.loop.shown()} for {element} in {source} if not {code.term(self.loop.where[1])}]"


def lowest_first(pairs: list[tuple[float | None, Any]]) -> list[Any]:
    """Return elements by their key, lowest first, none last; ties keep the list's order."""
    return [element for _, element in sorted(pairs, key=lambda pair: (pair[0] is None, pair[0] or 0.0))]


@dataclass(frozen=True, slots=True)
class TypedActions(Typed):
    """Actions with their terms."""

    actions: tuple[TypedAction, ...]

    def terms(self) -> Iterable[Term]:
        """Return the terms of all actions."""
        return [term for action in self.actions for term in action.terms()]

    def conditions(self) -> Iterable[tuple[Expression, Term]]:
        """Return when actions are taken, for which elements, and for how long."""
        for action in self.actions:
            yield from (one for one in (action.when, *action.loop.conditions(), action.goes_on) if one)

    def write(self, code: Code) -> None:
        """Build the list of actions."""
        code.line(f"{self.variable} = []")
        for action in self.actions:
            if action.when is None:
                self._write(code, action)
                continue
            with code.block(f"if {code.term(action.when[1])}:", action.when[0].location()):
                self._write(code, action)

    def _write(self, code: Code, action: TypedAction) -> None:
        for name in action.sums:
            code.line(f"e_{name} = 0.0")
        candidates = action.candidates(code)
        with code.block(f"for {action.loop.variable} in {candidates}:", action.loop.over.expression.location()):
            if action.goes_on:
                code.line(f"if not {code.term(action.goes_on[1])}: break", action.goes_on[0].location())
            for number, (written, term) in enumerate(action.do.values()):
                code.line(f"v_{number} = {code.finite(term)}", written.location())
            fields = ", ".join(f"{name!r}: v_{number}" for number, name in enumerate(action.do))
            code.line(f"{self.variable}.append({{{fields}}})")
            for name, (written, term) in action.sums.items():
                code.line(f"e_{name} = e_{name} + {code.finite(term)}", written.location())

    def detail(self, code: Code) -> str:
        """Each action: whether its condition held, how many candidates there were, and which `where` left out."""
        name = f"d_{self.name}"
        code.line(f"{name} = []")
        for action in self.actions:
            holds = code.term(action.when[1]) if action.when else "True"
            written = action.action
            static = {
                "when": written.when.text if written.when else None,
                "for": written.over.scalar.text,
                "where": written.where.text if written.where else None,
                "first": written.first.text if written.first else None,
                "while": written.as_long_as.text if written.as_long_as else None,
                "line": written.location.line,
            }
            code.line(f"v_holds = {holds}")
            count = f"{action.count(code)} if v_holds else 0"
            parts = {"holds": "v_holds", "candidates": count}
            if action.loop.where:
                code.line(f"v_out = {action.left_out(code)} if v_holds else []")
                parts |= {"left_out": f"v_out[:{MOST_SHOWN}]", "left_out_count": "len(v_out)"}
            code.line(f"{name}.append({{**{code.emitter.constant(static)}, **{record(parts)}}})")
        return f"{{'actions': {name}}}"


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    told = []
    for action in detail["actions"]:
        when = f" when {action['when']}" if action["when"] else ""
        count = f"{action['candidates']} candidate{'s' * (action['candidates'] != 1)}"
        told.append(f"{'✓' if action['holds'] else '✗'} for {action['for']}{when}: {count}")
        if action.get("left_out"):
            rest = action["left_out_count"] - len(action["left_out"])
            names = ", ".join(map(show, action["left_out"])) + (f" and {rest} more" if rest else "")
            told.append(f"  left out, because not {action['where']}: {names}")
    return told
