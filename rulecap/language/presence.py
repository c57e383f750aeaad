"""What a condition proves to be present: `known(x) and …`, `… if known(x) else …`."""

import ast

from rulecap.language.expression import Expression
from rulecap.language.paths import NOTHING, dotted


def proven(node: ast.AST, truth: bool) -> frozenset[str]:
    """Return the dotted names that are present where the condition has come out as `truth`."""
    match node:
        case ast.Call(func=ast.Name(id="known"), args=[one]) if truth:
            return with_prefixes(dotted(one))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return proven(operand, not truth)
        case ast.BoolOp(op=ast.And(), values=values) if truth:
            return frozenset().union(*(proven(value, True) for value in values))
        case ast.BoolOp(op=ast.Or(), values=values) if not truth:
            return frozenset().union(*(proven(value, False) for value in values))
        case ast.Compare(left=one, ops=[ast.NotEq() | ast.Eq() as how], comparators=[ast.Name(id=name)]) if name in (
            "none",
            *NOTHING,
        ):
            # It is refused, for known(…) is how that is written; what it was meant to prove is not refused as well.
            return with_prefixes(dotted(one)) if isinstance(how, ast.NotEq) is truth else frozenset()
    return frozenset()


def proven_by(condition: Expression, truth: bool) -> frozenset[str]:
    """Return the dotted names that are present where a condition has come out as `truth`; of a refused one, none."""
    return proven(condition.tree, truth) if condition.tree is not None else frozenset()


def with_prefixes(path: str) -> frozenset[str]:
    """Return a dotted path and the paths that lead to it: what has a field is itself present."""
    parts = path.split(".") if path else []
    return frozenset(".".join(parts[: end + 1]) for end in range(len(parts)))
