"""Faults of a document's shape in the words of somebody who writes policies and has never seen a JSON schema."""

import re
from collections.abc import Callable, Collection
from typing import Any

from rulecap.policy.faults import Fault, Path
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, problem_at
from rulecap.problems import Problem, cut, did_you_mean
from rulecap.units import UNITS

KINDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "empty",
}
LONGEST_QUOTATION = 40
# What a key or a word is called elsewhere, and what it may be here.
BY_ANOTHER_WORD = {
    "if": ("when",),
    "when": ("if",),
    "unless": ("when", "if"),
    "sort": ("first",),
    "order_by": ("first",),
    "sort_by": ("first",),
    "limit": ("while", "at_most"),
    "until": ("while",),
    "max": ("highest", "at_most", "range"),
    "min": ("lowest", "at_least", "range"),
    "cap": ("at_most",),
    "floor": ("at_least",),
    "multiply": ("times",),
    "multiply_by": ("times",),
    "add": ("plus",),
    "subtract": ("minus",),
    "round": ("round_down_to",),
    "do": ("give",),
    "give": ("do",),
    "filter": ("where",),
    "select": ("give",),
    "type": ("kind",),
    "description": ("why", "title"),
    "default": ("otherwise",),
    "else": ("otherwise",),
    "bool": ("flag",),
    "boolean": ("flag",),
    "string": ("text",),
    "str": ("text",),
    "name": ("text",),
    "datetime": ("time",),
    "timestamp": ("time",),
}
NAMED = {"verdict": "output", "states": "rule", "execute": "output"}
A_PATH = re.compile(r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+\Z")

Definitions = dict[str, Any]
MERGE = "<<"
OF_A_FOLDER = ("include", "inputs", "parameters", "memory", "decisions", "rules", "history")
Said = tuple[str, str, str]  # code, message, hint


def finding(fault: Fault, document: Node, definitions: Definitions) -> Problem:
    """Return a fault as a finding, at the key or value that is to blame."""
    node = _node(document, fault.path)
    if isinstance(node, Mapping) and MERGE in node and fault.keyword in ("required", "unknown"):
        return problem_at(
            node.key(MERGE) or node, "unknown-key", "merge keys (`<<`) are not read", "write the keys out"
        )
    words = WORDS.get(fault.keyword, _other)
    code, message, hint = words(fault, node, definitions)
    blamed = node.key(fault.key) if isinstance(node, Mapping) and fault.key is not None else None
    return problem_at(blamed or node, code, message, hint)


def _unknown(fault: Fault, node: Node, _: Definitions) -> Said:
    if _whole(fault) == "an overlay" and fault.key in OF_A_FOLDER:
        hint = "it changes values with `set`; to add something, copy the folder that it extends"
        return "unknown-key", f"an overlay has no key `{fault.key}`", hint
    allowed = [key for key in fault.schema.get("properties", {}) if key not in fault.value]
    here = [one for one in BY_ANOTHER_WORD.get(str(fault.key), ()) if one in allowed]
    hint = f"write {here[0]}" if here else did_you_mean(str(fault.key), allowed)
    if fault.meant is not None:
        hint = f"is it meant to be `{fault.meant}`, which is missing?"
    return "unknown-key", f"{_whole(fault)} has no key `{_quoted(fault.key)}`", hint


def _missing(fault: Fault, node: Node, definitions: Definitions) -> Said:
    resembling = fault.resembling()
    meaning = _description(fault.schema.get("properties", {}).get(fault.key), definitions)
    hint = (
        f"is `{resembling[0]}` meant to be `{fault.key}`?"
        if resembling
        else f"`{fault.key}`: {meaning}"
        if meaning
        else ""
    )
    return "missing-key", f"{_whole(fault)} needs the key `{fault.key}`", hint


def _missing_alternative(fault: Fault, node: Node, definitions: Definitions) -> Said:
    keys = [f"`{key}`" for choice in fault.schema["anyOf"] for key in choice.get("required", ())]
    return "missing-key", f"{_whole(fault)} needs one of {', '.join(keys)}", _meaning(fault)


def _wrong_name(fault: Fault, node: Node, _: Definitions) -> Said:
    return "wrong-form", f"`{_quoted(fault.key)}` cannot be {_a(fault.schema.get('title', 'key'))}", _meaning(fault)


def _wrong_type(fault: Fault, node: Node, _: Definitions) -> Said:
    if fault.value is None:
        return "wrong-type", f"{_subject(fault.path)} is empty", _meaning(fault)
    types = fault.schema["type"]
    kinds = [KINDS[name] for name in ([types] if isinstance(types, str) else types)]
    wanted = " or ".join([", ".join(kinds[:-1]), kinds[-1]] if kinds[1:] else kinds)
    message = f"{_subject(fault.path)} must be {wanted}, not {_is(fault.value, node)}"
    if types == "string" and isinstance(node, Scalar) and "pattern" not in fault.schema:
        return "wrong-type", message, f'put it in quotes: "{_quoted(node.text)}"'
    return "wrong-type", message, _meaning(fault)


def _not_one_of(fault: Fault, node: Node, _: Definitions) -> Said:
    if fault.value is None:
        return "wrong-type", f"{_subject(fault.path)} is empty", f"one of {', '.join(map(str, fault.schema['enum']))}"
    title = fault.schema.get("title") or f"value of {_subject(fault.path)}"
    hint = _called_here(str(fault.value), fault.schema["enum"])
    hint = hint or did_you_mean(str(fault.value), map(str, fault.schema["enum"]))
    return "not-allowed", f"{_is(fault.value, node)} is no {title}", hint


def _called_here(word: str, known: Collection[object]) -> str:
    """Return the word that another one is called here, empty where it is none that is known elsewhere."""
    if "flag" in known and word in UNITS:
        return f"a number has no type: write unit: {word}"
    if "flag" in known and word in ("number", "integer", "int", "float", "decimal"):
        return "a number has no type: write unit: USD, or another one"
    here = next((one for one in BY_ANOTHER_WORD.get(word, ()) if one in known), "")
    return f"write {here}" if here else ""


def _not_constant(fault: Fault, node: Node, _: Definitions) -> Said:
    wanted = fault.schema["const"]
    return "not-allowed", f"{_subject(fault.path)} must be {wanted}, not {_is(fault.value, node)}", f"write {wanted}"


def _excluded(fault: Fault, node: Node, _: Definitions) -> Said:
    return "not-allowed", f"{_subject(fault.path)} cannot stand here", _meaning(fault)


def _wrong_form(fault: Fault, node: Node, _: Definitions) -> Said:
    title = fault.schema.get("title") or f"value of {_subject(fault.path)}"
    if fault.path and fault.path[-1] in NAMED and A_PATH.match(str(fault.value)):
        whole, what = str(fault.value), NAMED[str(fault.path[-1])]
        message = f"`{_quoted(whole)}` is no {what}: {what}s have names without points"
        return "wrong-form", message, f"write the name of {_a(what)}"
    return "wrong-form", f"`{_quoted(fault.value)}` cannot be {_a(title)}", _meaning(fault)


def _too_few(fault: Fault, node: Node, _: Definitions) -> Said:
    least = fault.schema[fault.keyword]
    message = f"needs {least} of them" if len(fault.value) else "is empty"
    return "too-few", f"{_subject(fault.path)} {message}", _meaning(fault)


def _too_many(fault: Fault, node: Node, _: Definitions) -> Said:
    what = "characters" if fault.keyword == "maxLength" else "of them"
    return "too-many", f"{_subject(fault.path)} has more than {fault.schema[fault.keyword]} {what}", _meaning(fault)


def _out_of_range(fault: Fault, node: Node, _: Definitions) -> Said:
    bound = "below" if fault.keyword == "minimum" else "above"
    return "out-of-range", f"{_subject(fault.path)} is {bound} {fault.schema[fault.keyword]}", _meaning(fault)


def _other(fault: Fault, node: Node, _: Definitions) -> Said:
    return "not-allowed", f"{_subject(fault.path)} is not as it must be ({fault.keyword})", _meaning(fault)


WORDS: dict[str, Callable[[Fault, Node, Definitions], Said]] = {
    "unknown": _unknown,
    "name": _wrong_name,
    "required": _missing,
    "anyOf": _missing_alternative,
    "type": _wrong_type,
    "enum": _not_one_of,
    "const": _not_constant,
    "not": _excluded,
    "pattern": _wrong_form,
    "minLength": _too_few,
    "minItems": _too_few,
    "minProperties": _too_few,
    "maxLength": _too_many,
    "maxItems": _too_many,
    "maxProperties": _too_many,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
}


def _node(node: Node, path: Path) -> Node:
    """Return the node at the end of a path of keys and indexes."""
    for step in path:
        if isinstance(node, Mapping):
            node = node.get(str(step)) or node
        elif isinstance(node, Sequence):
            node = node.items[int(step)]
    return node


def _whole(fault: Fault) -> str:
    """Return what kind of thing the keys belong to, `a bands rule`; its place where the schema has no name for it."""
    title = fault.schema.get("title")
    return _a(title) if title else _subject(fault.path)


def _a(title: str) -> str:
    """Return a noun with its article."""
    return f"{'an' if title[0] in 'aeiou' else 'a'} {title}"


def _subject(path: Path) -> str:
    """Return what a path leads to, named by its last key."""
    if not path:
        return "the file"
    if isinstance(path[-1], str):
        return f"`{_quoted(path[-1])}`"
    owner = next((step for step in reversed(path) if isinstance(step, str)), None)
    return f"item {path[-1] + 1} of `{_quoted(owner)}`" if owner else f"item {path[-1] + 1}"


def _is(value: Any, node: Node) -> str:
    """Return what a value is, with the value where it is short."""
    if isinstance(node, Scalar) and value is not None:
        kind = "text" if isinstance(value, str) else "number" if not isinstance(value, bool) else "value"
        return f"the {kind} `{_quoted(node.text)}`"
    return KINDS["array" if isinstance(value, list) else "object" if isinstance(value, dict) else "null"]


def _meaning(fault: Fault) -> str:
    """Return the schema's description, with an example where it has one."""
    text = _first_sentence(fault.schema.get("description", ""))
    examples = fault.schema.get("examples")
    return ", such as ".join(part for part in (text, _written(examples[0]) if examples else "") if part)


def _description(schema: Any, definitions: Definitions) -> str:
    """Return a property's description, or that of the definition it refers to."""
    while isinstance(schema, dict):
        if "description" in schema:
            return _first_sentence(schema["description"])
        schema = definitions.get(str(schema.get("$ref", "")).removeprefix("#/$defs/"))
    return ""


def _first_sentence(text: str) -> str:
    """Return what a hint has room for, in the middle of a line."""
    first = text.split(". ", maxsplit=1)[0].removesuffix(".")
    return first[:1].lower() + first[1:]


def _written(example: Any) -> str:
    """Return an example as YAML on one line."""
    if isinstance(example, dict):
        return "{" + ", ".join(f"{key}: {_written(value)}" for key, value in example.items()) + "}"
    if isinstance(example, list):
        return "[" + ", ".join(map(_written, example)) + "]"
    return str(example).lower() if isinstance(example, bool) else str(example)


def _quoted(text: Any) -> str:
    """Return a text that is safe and short enough to be shown in a sentence."""
    return cut("".join(character if character.isprintable() else "�" for character in str(text)), LONGEST_QUOTATION)
