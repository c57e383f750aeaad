"""A JSON schema compiled to one quick yes or no, so that a valid policy does not pay for the finding of faults.

It knows exactly the keywords of the project's own schemas and refuses others. A test holds it against jsonschema.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import partial
from typing import Any

Test = Callable[[Any], bool]
Schema = Mapping[str, Any]

ANNOTATIONS = frozenset(("$schema", "$id", "$defs", "$comment", "title", "description", "examples", "default"))
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class UnknownKeywordError(ValueError):
    """A schema uses a keyword that is not compiled."""


def compiled(schema: Schema, root: Schema | None = None) -> Test:
    """Return a function that tells whether Python's dicts, lists and scalars satisfy a schema.

    Args:
        schema: the schema that is compiled.
        root: the document that `#/$defs/…` refers to; the schema itself where absent.

    Raises:
        UnknownKeywordError: the schema uses a keyword that this module does not know.
    """
    return _Compiler(schema if root is None else root).test(schema)


def ecma(pattern: str) -> re.Pattern[str]:
    """Return a pattern of a JSON schema, whose `$` is the end of the text only and not before a last line break."""
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


class _Compiler:
    """Compiles the parts of one schema document, each definition once."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.definitions: dict[str, Test] = {}

    def test(self, schema: Schema | bool) -> Test:
        """Return the test for a schema."""
        if isinstance(schema, bool):
            return lambda _: schema
        unknown = schema.keys() - KEYWORDS.keys() - GROUPED - ANNOTATIONS
        if unknown:
            raise UnknownKeywordError(", ".join(sorted(unknown)))
        parts = [KEYWORDS[keyword](self, value) for keyword, value in schema.items() if keyword in KEYWORDS]
        if "properties" in schema or "additionalProperties" in schema:
            parts.append(self._object(schema))
        if "if" in schema:
            parts.append(self._condition(schema))
        return parts[0] if len(parts) == 1 else partial(_all, tuple(parts))

    def reference(self, reference: str) -> Test:
        """Return the test for a definition; it is compiled at its first use, so that it may contain itself."""
        name = reference.removeprefix("#/$defs/")

        def look_up(value: Any) -> bool:
            test = self.definitions.get(name)
            if test is None:
                test = self.definitions[name] = self.test(self.root["$defs"][name])
            return test(value)

        self.root["$defs"][name]  # a wrong reference is found now
        return look_up

    def _object(self, schema: Schema) -> Test:
        named = {name: self.test(part) for name, part in schema.get("properties", {}).items()}
        others = self.test(schema.get("additionalProperties", True))
        return partial(_properties, named, others)

    def _condition(self, schema: Schema) -> Test:
        tests = [self.test(schema.get(keyword, True)) for keyword in ("if", "then", "else")]
        return lambda value: tests[1](value) if tests[0](value) else tests[2](value)


def _all(parts: tuple[Test, ...], value: Any) -> bool:
    for part in parts:  # noqa: SIM110  # a generator in all() costs as much as the tests
        if not part(value):
            return False
    return True


def _properties(named: Mapping[str, Test], others: Test, value: Any) -> bool:
    if type(value) is dict:
        for key, part in value.items():
            if not named.get(key, others)(part):
                return False
    return True


def _type(_: _Compiler, names: str | list[str]) -> Test:
    allowed = frozenset(kind for name in ([names] if isinstance(names, str) else names) for kind in TYPES[name])
    return lambda value: type(value) in allowed


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and (type(left) is bool) == (type(right) is bool)


def _enum(_: _Compiler, values: list[Any]) -> Test:
    return lambda value: any(_same(value, one) for one in values)


def _const(_: _Compiler, wanted: Any) -> Test:
    return lambda value: _same(value, wanted)


def _pattern(_: _Compiler, pattern: str) -> Test:
    search = ecma(pattern).search
    return lambda value: type(value) is not str or search(value) is not None


def _required(_: _Compiler, names: list[str]) -> Test:
    wanted = frozenset(names)
    return lambda value: type(value) is not dict or wanted <= value.keys()


def _each_of(kind: type[Iterable[Any]]) -> Callable[[_Compiler, Schema], Test]:
    """Return the keyword that asks the same of each item of a list, or of each key of an object."""

    def compile_each(compiler: _Compiler, schema: Schema) -> Test:
        test = compiler.test(schema)
        return lambda value: type(value) is not kind or all(map(test, value))

    return compile_each


def _at_least(kind: type[Sized]) -> Callable[[_Compiler, int], Test]:
    return lambda _, least: lambda value: type(value) is not kind or len(value) >= least


def _at_most(kind: type[Sized]) -> Callable[[_Compiler, int], Test]:
    return lambda _, most: lambda value: type(value) is not kind or len(value) <= most


def _all_of(compiler: _Compiler, schemas: list[Schema]) -> Test:
    return partial(_all, tuple(map(compiler.test, schemas)))


def _any_of(compiler: _Compiler, schemas: list[Schema]) -> Test:
    tests = tuple(map(compiler.test, schemas))
    return lambda value: any(test(value) for test in tests)


def _not(compiler: _Compiler, schema: Schema) -> Test:
    test = compiler.test(schema)
    return lambda value: not test(value)


def _dependent(compiler: _Compiler, schemas: Mapping[str, Schema]) -> Test:
    tests = {name: compiler.test(schema) for name, schema in schemas.items()}
    return lambda value: type(value) is not dict or all(test(value) for name, test in tests.items() if name in value)


GROUPED = frozenset(("properties", "additionalProperties", "if", "then", "else"))
KEYWORDS: dict[str, Callable[[_Compiler, Any], Test]] = {
    "$ref": _Compiler.reference,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "required": _required,
    "items": _each_of(list),
    "propertyNames": _each_of(dict),
    "minItems": _at_least(list),
    "maxItems": _at_most(list),
    "minProperties": _at_least(dict),
    "maxProperties": _at_most(dict),
    "minLength": _at_least(str),
    "maxLength": _at_most(str),
    "allOf": _all_of,
    "anyOf": _any_of,
    "not": _not,
    "dependentSchemas": _dependent,
}
