"""What a decision answers when something is wrong: a value that the output can be, and no slip of a name."""

from collections.abc import Iterable

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.literals import Literal, literal
from rulecap.language.terms import Const, Term
from rulecap.language.unit_errors import clash_code
from rulecap.policy.nodes import Mapping, Node, problem_at
from rulecap.policy.typed import OutputTerms
from rulecap.problems import A_SLIP, Problem, nearest, of_late


def check_fallbacks(outputs: OutputTerms, on_error: Node | None, problems: list[Problem]) -> None:
    """A bot compares such an answer as it compares any other: a slip in it would be taken for something else."""
    if not isinstance(on_error, Mapping):
        return
    for name, output in outputs.items():
        node = on_error.get(name)
        if isinstance(output, dict):
            check_fallbacks(output, node, problems)
        elif node is not None:
            problems += map(of_late, _misfit(name, output, literal(node, [])))


def _misfit(name: str, output: tuple[Expression, Term], answer: Literal) -> list[Problem]:
    expression, term = output
    kind = t.strip(term.type)
    computed = not isinstance(term, Const) or term.name  # anything but a name that is written out
    if answer.value == expression.text and isinstance(answer.type, t.Text) and computed:
        message = f"{name} would be the text {answer.value}: where something is wrong nothing is computed"
        return [problem_at(answer.node, "wrong-type", message, f"write {name}: none, or a value")]
    if _fits(kind, answer):
        return _slip(name, kind, answer)
    code = clash_code(kind, answer.type)
    message = f"{name} is {t.described(kind)}, this is {t.described(answer.type)}"
    return [problem_at(answer.node, code, message, f"write {name}: none, or a value such as the output's")]


def _fits(kind: t.Type, answer: Literal) -> bool:
    """Return whether the output can be that; a number without unit may stand for any, as prices have no literal."""
    if t.unify(kind, answer.type) is not None:
        return True
    if isinstance(kind, t.ListOf):
        return answer.value == ()
    return isinstance(kind, t.Number) and answer.type == t.BARE


def _slip(name: str, kind: t.Type, answer: Literal) -> list[Problem]:
    """A name that the output never is may be meant, such as UNKNOWN; one that is nearly another hardly is."""
    options = kind.options if isinstance(kind, t.Text) else None
    if not options or not isinstance(answer.value, str) or answer.value in options:
        return []
    meant = nearest(answer.value, options, A_SLIP) or _same_letters(answer.value, options)
    if meant is None:
        return []
    message = f"{name} is never {answer.value}"
    return [problem_at(answer.node, "unknown-name", message, f"did you mean {meant}?")]


def _same_letters(name: str, options: Iterable[str]) -> str | None:
    """Return the name with the same letters in another order: of a short one that is far from it by measure."""
    return next((one for one in sorted(options) if sorted(one) == sorted(name)), None)
