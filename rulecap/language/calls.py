"""Calls: what each function takes and gives, where that depends on what it is given."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from rulecap.language import elsewhere
from rulecap.language import types as t
from rulecap.language.functions import ALL_NAMES, FUNCTIONS, OVER_LISTS
from rulecap.language.grammar import CONSTANTS, offset_of
from rulecap.language.paths import dotted, lookup, named, nothing_named
from rulecap.language.presence import proven
from rulecap.language.scope import Vocabulary
from rulecap.language.terms import Adjustments, Aggregate, Call, Default, Known, Term
from rulecap.language.unit_errors import clash, clash_code, rewritten, what, written
from rulecap.problems import did_you_mean

if TYPE_CHECKING:
    from rulecap.language.infer import Inference


def infer_call(inference: "Inference", node: ast.Call) -> Term:
    """Return the term of a call."""
    if isinstance(node.func, ast.Attribute):
        return lookup(inference, node, dotted(node.func.value))
    assert isinstance(node.func, ast.Name)  # the allow-list takes nothing else
    name = node.func.id
    if name not in ALL_NAMES:
        words = inference.scope.vocabulary
        ours = name in words.rule_names() or name in words.parameters
        value = f"{name} is a rule or parameter: it is read without brackets" if ours else ""
        hint = elsewhere.FUNCTIONS.get(name.lower()) or value or did_you_mean(name, ALL_NAMES)
        return inference.wrong(node, "unknown-function", f"there is no function {name}", hint)
    if name in OVER_LISTS and len(node.args) == 1:
        return _over_list(inference, node, name)
    if name in FUNCTIONS:
        return _fixed(inference, node, name)
    infer, count = CALLS.get(name, (None, 0))
    if infer is None:
        return inference.wrong(node, "wrong-arguments", f"{name} takes one list", f"write {name}(… for x in …)")
    if (count and len(node.args) != count) or not node.args:
        least = "one or more values" if name == "adjustments" else "two or more values"
        takes = _values(count) if count else least
        return inference.wrong(node, "wrong-arguments", f"{name} takes {takes}, not {len(node.args)}")
    return infer(inference, node, name)


def _fixed(inference: "Inference", node: ast.Call, name: str) -> Term:
    function = FUNCTIONS[name]
    if len(node.args) != len(function.parameters):
        takes = ", ".join(parameter for parameter, _ in function.parameters)
        counted = _values(len(function.parameters))
        return inference.wrong(
            node, "wrong-arguments", f"{name} takes {counted}, not {len(node.args)}", f"write {name}({takes})"
        )
    arguments = tuple(inference.infer(argument) for argument in node.args)
    for argument, term, (parameter, wanted) in zip(node.args, arguments, function.parameters, strict=True):
        kind = term.type if isinstance(wanted, t.Optional) else inference.need(argument, term)
        if not fits(kind, wanted):
            message, hint = _unfit(parameter, wanted, argument, kind)
            inference.wrong(argument, clash_code(kind, wanted), f"{name}: {message}", hint)
    return Call(function.gives, offset_of(node), name, arguments)


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count} values"


def _unfit(parameter: str, wanted: t.Type, argument: ast.AST, kind: t.Type) -> tuple[str, str]:
    names = wanted.options if isinstance(wanted, t.Text) and isinstance(kind, t.Text) else None
    if names:
        shown, any_name = written(argument), isinstance(kind, t.Text) and kind.options is None
        hint = "say under inputs which names it can be: {one_of: […]}" if any_name else ""
        can = "may be any name" if any_name else "is not"
        return f"{parameter} is one of {', '.join(sorted(names))}, {shown} {can}", hint
    said = f"{parameter} is {t.described(t.strip(wanted))}, {what(argument, kind)}"
    return said, rewritten(argument, kind, t.strip(wanted))


def fits(kind: t.Type, wanted: t.Type) -> bool:
    """Return whether a value of one type can be given where another is wanted; a record may have more fields."""
    if isinstance(wanted, t.Optional):
        return kind == t.NOTHING or fits(t.strip(kind), wanted.inner)
    if isinstance(kind, t.Optional):
        return False
    if isinstance(kind, t.ListOf) and isinstance(wanted, t.ListOf):
        return fits(kind.item, wanted.item)
    if isinstance(kind, t.Record) and isinstance(wanted, t.Record):
        return all(name in kind.fields and fits(kind.fields[name], part) for name, part in wanted.fields.items())
    if isinstance(kind, t.Text) and isinstance(wanted, t.Text) and wanted.options is not None:
        return kind.options is not None and kind.options <= wanted.options
    return t.unify(kind, wanted) is not None


def _same(inference: "Inference", node: ast.Call, name: str) -> Term:
    """Min, max and round_down: values of one unit give that unit."""
    terms = tuple(inference.infer(argument) for argument in node.args)
    numbers = [inference.number(argument, term) for argument, term in zip(node.args, terms, strict=True)]
    result = numbers[0]
    for argument, number in zip(node.args[1:], numbers[1:], strict=True):
        if result is None or number is None:
            return Call(t.UNKNOWN, offset_of(node), name, terms)
        joined = t.same_unit(result, number)
        if joined is None:
            inference.wrong(argument, "wrong-unit", *clash(node.args[0], result, argument, number))
            return Call(t.UNKNOWN, offset_of(node), name, terms)
        result = joined
    return Call(result or t.UNKNOWN, offset_of(node), name, terms)


def _whole(inference: "Inference", node: ast.Call, name: str) -> Term:
    """Ceil and floor: a ratio gives a number without unit, which may be used as a count."""
    term = inference.infer(node.args[0])
    unit = inference.number(node.args[0], term)
    return Call(t.BARE if unit == t.RATIO else unit or t.UNKNOWN, offset_of(node), name, (term,))


def _root(inference: "Inference", node: ast.Call, name: str) -> Term:
    term = inference.infer(node.args[0])
    unit = inference.number(node.args[0], term)
    if unit is not None and unit.powers != t.PURE:
        return inference.wrong(
            node,
            "wrong-unit",
            f"sqrt takes a number without unit, {what(node.args[0], unit)}",
            "divide by a number of the same unit",
        )
    return Call(t.RATIO, offset_of(node), name, (term,))


def _percent_of(inference: "Inference", node: ast.Call, name: str) -> Term:
    whole, share = (inference.infer(argument) for argument in node.args)
    unit, percent = inference.number(node.args[0], whole), inference.number(node.args[1], share)
    if percent not in (None, t.PERCENT):
        hint = rewritten(node.args[1], percent or t.UNKNOWN, t.PERCENT)
        if percent == t.RATIO:
            hint = f"write {written(node.args[0])} * {written(node.args[1])}"
        elif unit == t.PERCENT:
            hint = f"write percent_of({written(node.args[1])}, {written(node.args[0])})"
        message = f"percent_of takes a percent second, {what(node.args[1], percent or t.UNKNOWN)}"
        return inference.wrong(node.args[1], "wrong-unit", message, hint)
    return Call(unit or t.UNKNOWN, offset_of(node), name, (whole, share))


def _as_percent(inference: "Inference", node: ast.Call, name: str) -> Term:
    part, whole = (inference.infer(argument) for argument in node.args)
    a, b = inference.number(node.args[0], part), inference.number(node.args[1], whole)
    if a is not None and b is not None and t.same_unit(a, b) is None:
        return inference.wrong(node.args[1], "wrong-unit", *clash(node.args[0], a, node.args[1], b))
    return Call(t.PERCENT, offset_of(node), name, (part, whole))


def _default(inference: "Inference", node: ast.Call, name: str) -> Term:
    value, other = (inference.infer(argument) for argument in node.args)
    proven_here = dotted(node.args[0]) in inference.scope.known  # needless, but a condition may be taken away again
    if value.type not in (t.UNKNOWN, t.NOTHING) and not isinstance(value.type, t.Optional) and not proven_here:
        return inference.wrong(
            node, "never-absent", f"{written(node.args[0])} is always known here", "leave default(…) out"
        )
    kind = t.unify(t.strip(value.type), other.type)
    if kind is None:
        message, hint = clash(node.args[0], value.type, node.args[1], other.type)
        return inference.wrong(node.args[1], clash_code(value.type, other.type), message, hint)
    return Default(kind, offset_of(node), value, other)


def _known(inference: "Inference", node: ast.Call, name: str) -> Term:
    return Known(t.FLAG, offset_of(node), inference.infer(node.args[0]))


def _adjustments(inference: "Inference", node: ast.Call, name: str) -> Term:
    words = inference.scope.vocabulary
    for argument in node.args:
        if isinstance(argument, ast.Name) and argument.id not in named(inference):
            return nothing_named(inference, argument, argument.id)
        kind = words.rule_kind(argument.id) if isinstance(argument, ast.Name) else "none"
        unread = not kind and isinstance(argument, ast.Name) and argument.id in words.rule_names()
        if kind != "adjust" and not unread:
            known = [rule for rule in words.rule_names() if words.rule_kind(rule) == "adjust"]
            hint = did_you_mean(dotted(argument), known)
            return inference.wrong(argument, "wrong-arguments", "adjustments takes names of rules of kind adjust", hint)
    return Adjustments(ADJUSTMENTS, offset_of(node), tuple(dotted(argument) for argument in node.args))


SOURCE = t.Record({"file": t.TEXT, "line": t.COUNT})
ADJUSTMENTS = t.ListOf(
    t.Record(
        {"rule": t.TEXT, "name": t.TEXT, "from": t.RATIO, "to": t.RATIO, "why": t.TEXT, "source": SOURCE},
        "key",
        "adjustment",
    )
)


def _over_list(inference: "Inference", node: ast.Call, name: str) -> Term:
    argument = node.args[0]
    if isinstance(argument, ast.GeneratorExp):
        return _comprehension(inference, node, argument, name)
    term = inference.infer(argument)
    kind = inference.need(argument, term)
    if kind == t.UNKNOWN:
        return Call(kind, offset_of(node), name, (term,))
    if not isinstance(kind, t.ListOf):
        return inference.wrong(
            argument, "wrong-type", f"{name} takes a list, {what(argument, kind)}", f"write {name}(… for x in …)"
        )
    if name != "count" and not isinstance(kind.item, t.Number):
        return inference.wrong(
            argument, "wrong-type", f"{name} needs numbers, {what(argument, kind)}", f"write {name}(x.… for x in …)"
        )
    return Call(_aggregated(name, kind.item), offset_of(node), name, (term,))


def _comprehension(inference: "Inference", node: ast.Call, generator: ast.GeneratorExp, name: str) -> Term:
    loop = generator.generators[0]
    assert isinstance(loop.target, ast.Name)  # the allow-list takes nothing else
    source = inference.infer(loop.iter)
    kind = inference.need(loop.iter, source)
    if kind != t.UNKNOWN and not isinstance(kind, t.ListOf):
        return inference.wrong(loop.iter, "wrong-type", f"`for … in` needs a list, {what(loop.iter, kind)}")
    if is_taken(inference, loop.target.id):
        return inference.wrong(
            loop.target,
            "name-taken",
            f"{loop.target.id} already means something here",
            "take another name behind `for`",
        )
    item = kind.item if isinstance(kind, t.ListOf) else t.UNKNOWN
    outer, inference.scope = inference.scope, inference.scope.bind(**{loop.target.id: item})
    condition = inference.infer(loop.ifs[0]) if loop.ifs else None
    if condition is not None:
        inference.condition(loop.ifs[0], condition)
        inference.scope = inference.scope.knowing(proven(loop.ifs[0], True))
    element = inference.infer(generator.elt)
    unit: t.Type = t.UNKNOWN if name == "count" else inference.number(generator.elt, element) or t.UNKNOWN
    inference.scope = outer
    return Aggregate(_aggregated(name, unit), offset_of(node), name, loop.target.id, source, element, condition)


def is_taken(inference: "Inference", name: str) -> bool:
    """Return whether a name means something already, so that binding it would hide that."""
    return name in inference.scope.locals or means_something(inference.scope.vocabulary, name)


def means_something(words: Vocabulary, name: str) -> bool:
    """Return whether a name is one of the policy's, of the snapshot's or of the language's own."""
    of_policy = name in words.rule_names() or name in words.parameters or name in words.snapshot.fields
    return of_policy or name in ALL_NAMES or name in CONSTANTS or name == "memory"


def _aggregated(name: str, unit: t.Type) -> t.Type:
    if name == "count":
        return t.COUNT
    return unit if name == "sum" or unit == t.UNKNOWN else t.Optional(unit)


CALLS: dict[str, tuple[Callable[["Inference", ast.Call, str], Term], int]] = {
    "min": (_same, 0),
    "max": (_same, 0),
    "round_down": (_same, 2),
    "abs": (_same, 1),
    "floor": (_whole, 1),
    "ceil": (_whole, 1),
    "sqrt": (_root, 1),
    "percent_of": (_percent_of, 2),
    "as_percent": (_as_percent, 2),
    "default": (_default, 2),
    "known": (_known, 1),
    "adjustments": (_adjustments, 0),
}
