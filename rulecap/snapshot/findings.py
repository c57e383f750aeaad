"""What is wrong with a snapshot, in words: every finding of the models as a Problem with its JSON path."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rulecap.problems import Problem, did_you_mean
from rulecap.units import Unit

MOST_PROBLEMS = 50
# Pydantic tells of all of them or none, and takes 10 µs for each.
MOST_TOLD = 5_000
LONGEST_SHOWN = 40
A_LEVEL = "must be a level as [price, quantity], two numbers"

# pydantic's error type -> our code, and what was expected where one sentence says it.
CODES: dict[str, tuple[str, str]] = {
    "missing": ("missing-field", ""),
    "extra_forbidden": ("unknown-field", ""),
    "finite_number": ("not-finite", "must be a finite number"),
    "greater_than": ("out-of-range", "must be above {gt:g}"),
    "greater_than_equal": ("out-of-range", "must be at least {ge:g}"),
    "less_than": ("out-of-range", "must be below {lt:g}"),
    "less_than_equal": ("out-of-range", "must be at most {le:g}"),
    "literal_error": ("out-of-range", "must be {expected}"),
    "string_too_long": ("out-of-range", "must be at most {max_length} characters long"),
    "string_too_short": ("out-of-range", "must not be empty"),
    "int_parsing_size": ("out-of-range", "must be a smaller whole number"),
    "too_short": ("out-of-range", "must have at least {min_length} in it"),
    "too_long": ("too-many", "must have at most {max_length} in it"),
    "float_type": ("wrong-type", "must be a number"),
    "float_parsing": ("wrong-type", "must be a number"),
    "int_type": ("wrong-type", "must be a whole number"),
    "int_from_float": ("wrong-type", "must be a whole number"),
    "int_parsing": ("wrong-type", "must be a whole number"),
    "bool_type": ("wrong-type", "must be true or false"),
    "bool_parsing": ("wrong-type", "must be true or false"),
    "string_type": ("wrong-type", "must be a text"),
    "string_unicode": ("wrong-type", "must be a text that UTF-8 can write"),
    "string_sub_type": ("wrong-type", "must be a text"),
    "invalid_key": ("wrong-type", "must be a text"),
    "tuple_type": ("wrong-type", "must be a list"),
    "list_type": ("wrong-type", "must be a list"),
    "iterable_type": ("wrong-type", "must be a list"),
    "iteration_error": ("wrong-type", "must be a list that can be read"),
    "dict_type": ("wrong-type", "must be an object with named fields"),
    "model_type": ("wrong-type", "must be an object with named fields"),
    "recursion_loop": ("wrong-type", "must not contain itself"),
}


def problems_of(
    error: ValidationError, root: type[BaseModel], further: Mapping[str, Sequence[ErrorDetails]] | None = None
) -> list[Problem]:
    """Return the error's findings as problems, at most 50; a last one says how many more there are.

    Args:
        error: what was raised.
        root: the model that was asked for.
        further: what else is wrong in lists, of which the error has the first wrong element, by their names.
    """
    if error.error_count() > MOST_TOLD:
        return [Problem("too-many", f"has {error.error_count():,} things wrong, too many to be named", path="")]
    details = [detail for detail in error.errors(include_url=False) if not _follows(detail)]
    for name, following in (further or {}).items():
        end = max(number for number, detail in enumerate(details, 1) if detail["loc"][:1] == (name,))
        details[end:end] = following
    problems = [_problem(detail, root) for detail in details[:MOST_PROBLEMS]]
    if len(details) > MOST_PROBLEMS:
        problems.append(Problem("too-many", f"and {len(details) - MOST_PROBLEMS} more problems", path=""))
    return problems


def _follows(detail: ErrorDetails) -> bool:
    """Return whether the finding only repeats others: a list counts as too short where its elements were refused."""
    given = detail["input"]
    return detail["type"] == "too_short" and type(given) in {list, tuple} and len(given) > 0


def _problem(detail: ErrorDetails, root: type[BaseModel]) -> Problem:
    """Return one finding as a problem."""
    kind, where, context = detail["type"], detail["loc"], detail.get("ctx", {})
    if kind == "json_invalid":
        return Problem("not-json", f"is not JSON: {context.get('error', '')}", path=path_of(where))
    if kind == "missing":
        return _missing(where, root)
    if kind == "extra_forbidden":
        return _unknown(where, root)
    if kind == "too_long" and where[:1] == ("book",) and len(where) == 3:
        return Problem("wrong-type", A_LEVEL, path=path_of(where))
    if kind == "float_type" and type(detail["input"]) is int:  # a whole number that no float can hold
        kind = "finite_number"
    if kind in CODES:
        code, expected = CODES[kind]
        return _unexpected(code, expected.format_map(context), where, detail["input"])
    if "-" in kind:  # raised by the models' own checks, under the code that is reported
        return _own(kind, detail["msg"], where, context, detail["input"])
    return Problem("not-a-snapshot", detail["msg"], path=path_of(where))


def _unexpected(code: str, expected: str, where: tuple[int | str, ...], value: object) -> Problem:
    """Return the problem of a value that is not what it must be; a whole list or object is not shown."""
    if where and where[-1] == "[key]":
        where = where[:-1]
    return Problem(code, f"{expected}, got {describe(value)}", path=path_of(where))


def _own(code: str, text: str, where: tuple[int | str, ...], context: Mapping[str, Any], value: object) -> Problem:
    """Return the problem of a check that knows the place inside its part (`at`) and has said everything."""
    if "at" in context:
        inside = str(context["at"])
        return Problem(code, text, path=(path_of(where) + inside).lstrip("."))
    if code == "naive-time":
        return Problem(code, text, path=path_of(where), hint="a time without its zone could be hours off")
    return Problem(code, f"{text}, got {describe(value)}", path=path_of(where))


def _missing(where: tuple[int | str, ...], root: type[BaseModel]) -> Problem:
    """Return the problem of a field that is not there; the hint says what belongs in it."""
    if where and isinstance(where[-1], int):  # a level of the book with fewer than two numbers
        return Problem("missing-field", A_LEVEL, path=path_of(where))
    model = _model_at(where[:-1], root)
    field = model.model_fields.get(str(where[-1])) if model and where else None
    hint = ""
    if field and field.description:
        unit = next((marker.name for marker in field.metadata if isinstance(marker, Unit)), "")
        hint = field.description + (f" In {unit}." if unit else "")
    return Problem("missing-field", "is missing", path=path_of(where), hint=hint)


def _unknown(where: tuple[int | str, ...], root: type[BaseModel]) -> Problem:
    """Return the problem of a field that the contract does not have, with the nearest one that it has."""
    model = _model_at(where[:-1], root)
    name = str(where[-1])[:LONGEST_SHOWN] if where else ""
    hint = did_you_mean(name, model.model_fields) if model else ""
    what = root.model_config.get("title") or "snapshot"
    return Problem("unknown-field", f"is no field of a {what} here", path=path_of(where), hint=hint)


def _model_at(where: tuple[int | str, ...], root: type[BaseModel]) -> type[BaseModel] | None:
    """Return the model that stands at a place of a snapshot."""
    model: type[BaseModel] | None = root
    for step in where:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step) if model else None
        model = next(models_in(field.annotation), None) if field else None
    return model


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Give the models named in a type, through unions and tuples."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def path_of(where: tuple[int | str, ...]) -> str:
    """Return a place as a JSON path: `book.asks[3]`; a name that is no identifier is quoted."""
    text = ""
    for step in where:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and len(step) <= 2 * LONGEST_SHOWN:
            text += f".{step}"
        else:
            text += f"[{_quoted(step)}]"
    return text.removeprefix(".")


def _quoted(text: str) -> str:
    """Return a text in quotes, plain ASCII, cut where it is long."""
    cut = text[:LONGEST_SHOWN]
    return ascii(cut)[:-1] + ("…'" if len(text) > LONGEST_SHOWN else "'") if ascii(cut)[0] == "'" else ascii(cut)


def describe(value: object) -> str:
    """Return what was given, in words, without running any code of the value's own."""
    kind = type(value)
    if value is None:
        return "nothing (null)"
    if kind is bool:
        return "true" if value else "false"
    if kind is str:
        return f"the text {_quoted(str(value))}"
    if kind is int:
        return str(value) if -(10**20) < value < 10**20 else "a whole number of more than 20 digits"  # type: ignore[operator]  # an int here
    if kind is float:
        return repr(value)
    if kind in (list, tuple):
        return "a list"
    return "an object" if kind is dict else f"a value of the type {kind.__name__[:LONGEST_SHOWN]}"
