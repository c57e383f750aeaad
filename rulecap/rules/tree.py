"""`kind: tree` — a decision tree: the first branch that holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rulecap.language import types as t
from rulecap.language.expression import Expression, expression
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Term
from rulecap.language.unit_errors import clash_code
from rulecap.policy.nodes import Mapping, Scalar, problem_at
from rulecap.rules.checks import why_not
from rulecap.rules.code import Code, computes, whole_possible
from rulecap.rules.parts import Formula, Items, Part, Rule
from rulecap.rules.typed import Checker, Typed, as_float, condition_detail


def _leaf_or_tree(value: object) -> object:
    if isinstance(value, Scalar):
        return expression(value)
    return Twig.model_validate(value) if isinstance(value, Mapping) else value


Leaf = Annotated[Any, BeforeValidator(_leaf_or_tree)]


DEEPEST = 15  # Python takes twenty blocks in each other


class Branch(Part):
    """A condition and what holds then: a value or a tree."""

    when: Formula = Field(alias="if")
    then: Leaf


class Twig(Part):
    """A tree within a tree."""

    branches: Annotated[tuple[Branch, ...], Items]
    otherwise: Leaf


class TreeRule(Rule):
    """The value of the first branch that holds."""

    kind: Literal["tree"]
    branches: Annotated[tuple[Branch, ...], Items]
    otherwise: Leaf

    def check(self, scope: Scope) -> "TypedTree":
        """Return the rule with its type, which holds the values of all branches."""
        checker = Checker(scope, self)
        root = _check(checker, self, scope)
        if depth_of(root) > DEEPEST:
            message = f"trees stand in each other {depth_of(root)} deep, at most {DEEPEST} are taken"
            scope.problems.append(problem_at(self.key, "expression-too-deep", message, "name an inner tree as a rule"))
        typed = _declared(checker, root) if self.unit else _joined(checker, root)
        return TypedTree(self, typed, root)


def _declared(checker: Checker, root: "Fork") -> t.Type:
    """Return the type that the rule declares; every value is held against it."""
    wanted = t.declared(checker.rule.unit or "")
    absent = False
    fits = True
    for leaf in root.leaves():
        fits = checker.hold(leaf.expression, leaf.term, wanted) and fits
        absent = absent or leaf.term.type == t.NOTHING or isinstance(leaf.term.type, t.Optional)
    return (t.optional(wanted) if absent else wanted) if fits else t.UNKNOWN


def _joined(checker: Checker, root: "Fork") -> t.Type:
    """Return the type that holds the values of all branches."""
    kind: t.Type = t.UNKNOWN
    good = True
    told: set[str] = set()
    for leaf in root.leaves():
        joined = t.unify(kind, leaf.term.type)
        if joined is None:
            message = f"this gives {t.described(leaf.term.type)}, the branches above {t.described(kind)}"
            if message not in told:  # where the first value is the odd one, all others differ from it alike
                checker.scope.problems.append(leaf.expression.problem(0, clash_code(kind, leaf.term.type), message))
            told.add(message)
        good = good and joined is not None
        kind = joined or kind
    first = next(root.leaves())
    return checker.declared(first.expression, Term(kind, 0)) if good else t.UNKNOWN


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf."""

    expression: Expression
    term: Term

    def leaves(self) -> Iterator["Value"]:
        """Yield itself."""
        yield self


@dataclass(frozen=True, slots=True)
class Fork:
    """Conditions and what follows each, and what holds otherwise."""

    branches: tuple[tuple[Expression, Term, "Value | Fork"], ...]
    otherwise: "Value | Fork"

    def leaves(self) -> Iterator[Value]:
        """Yield all values that can come out."""
        for _, _, then in self.branches:
            yield from then.leaves()
        yield from self.otherwise.leaves()


def depth_of(node: Value | Fork) -> int:
    """Return how many trees stand in each other."""
    if isinstance(node, Value):
        return 0
    return 1 + max(depth_of(inner) for inner in (*(then for _, _, then in node.branches), node.otherwise))


def _check(checker: Checker, tree: TreeRule | Twig, scope: Scope) -> Fork:
    branches = []
    for branch in tree.branches:
        term = checker.condition(branch.when, scope)
        holds, fails = proven_by(branch.when, True), proven_by(branch.when, False)
        branches.append((branch.when, term, _leaf(checker, branch.then, scope.knowing(holds))))
        scope = scope.knowing(fails)
    return Fork(tuple(branches), _leaf(checker, tree.otherwise, scope))


def _leaf(checker: Checker, leaf: Any, scope: Scope) -> Value | Fork:
    if isinstance(leaf, Twig):
        return _check(checker, leaf, scope)
    return Value(leaf, checker.term(leaf, scope))


@dataclass(frozen=True, slots=True)
class TypedTree(Typed):
    """A tree with its terms."""

    root: Fork

    def terms(self) -> Iterable[Term]:
        """Return the terms of all conditions and values."""
        return list(_terms(self.root))

    def write(self, code: Code) -> None:
        """Assign the value by a chain of conditions."""
        self._write(code, self.root)
        computed = any(computes(leaf.term) for leaf in self.root.leaves())
        code.check_finite(self.variable, self.type, computed)

    def _write(self, code: Code, node: Value | Fork) -> None:
        """Branches stand side by side and leave the block: nested, a long tree would be too deep for Python."""
        if isinstance(node, Value):
            code.line(f"{self.variable} = {self._value(code, node.term)}", node.expression.location())
            return
        with code.block("while True:"):
            for condition, term, then in node.branches:
                with code.block(f"if {code.term(term)}:", condition.location()):
                    self._write(code, then)
                    code.line("break")
            self._write(code, node.otherwise)
            code.line("break")

    def _value(self, code: Code, term: Term) -> str:
        text = code.term(term)
        number = isinstance(t.strip(self.type), t.Number) and t.strip(self.type) not in (t.COUNT, t.BARE)
        return f"{code.emitter.named('f_float', as_float)}({text})" if number and whole_possible(term) else text

    def detail(self, code: Code) -> str:
        """Each branch that was reached, with its condition's values; the last of them is the one taken."""
        name = f"d_{self.name}"
        code.line(f"{name} = []")
        self._trace(code, self.root, name)
        return f"{{'branches': {name}}}"

    def _trace(self, code: Code, node: Value | Fork, name: str) -> None:
        if isinstance(node, Value):
            return
        with code.block("while True:"):
            for condition, term, then in node.branches:
                code.line(f"{name}.append({condition_detail(code, condition, term)})")
                code.line(f"{name}[-1]['then'] = {_text(then)!r}")
                with code.block(f"if {name}[-1]['holds']:"):
                    self._trace(code, then, name)
                    code.line("break")
            code.line(f"{name}.append({{'otherwise': {_text(node.otherwise)!r}}})")
            self._trace(code, node.otherwise, name)
            code.line("break")


def _text(node: Value | Fork) -> str:
    return node.expression.text if isinstance(node, Value) else "…"


def _terms(node: Value | Fork) -> Iterator[Term]:
    if isinstance(node, Value):
        yield node.term
        return
    for _, term, then in node.branches:
        yield term
        yield from _terms(then)
    yield from _terms(node.otherwise)


def lines(detail: dict[str, Any]) -> list[str]:
    """Return the explanation of a step."""
    told = []
    for branch in detail["branches"]:
        if "otherwise" in branch:
            told.append(f"otherwise {branch['otherwise']}")
        else:
            mark = "✓" if branch["holds"] else "✗"
            told.append(f"{mark} {branch['if']} → {branch['then']}{why_not(branch)}")
    return told
