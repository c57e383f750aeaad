"""The tables of the language's reference, as they follow from the language itself."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulecap import PolicyError
from rulecap.cli.outline import value_text
from rulecap.language import types as t
from rulecap.language.inputs import snapshot_type, whole_fields
from rulecap.units import UNITS
from tests.docs.document import ROOT, Table, code
from tests.docs.problems import example, recipes
from tests.docs.scaffold import Piece, evaluated

SHOWN_UNITS = UNITS[:7]  # seconds are as hours, score is as leverage, a count multiplies as a ratio does
VALUES, REFUSED, CODES = ("Expression", "is"), ("Written", "is refused because"), ("Code", "Example")
PATHS, FLOORS = ("Path", "Unit or type", "There"), ("Modules", "Why here")
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables on a snapshot, beside the parameters and rules in `names`; `folder` is there to write into."""

    folder: Path
    names: str
    snapshot: dict[str, Any]

    def rows(self, table: Table) -> list[Row] | None:
        """Return the rows that a table must have, none where nothing is computed in it."""
        if table.head[-2:] == VALUES:
            return self._values(table)
        if table.head == REFUSED:
            return [(cell, self.refusal(code(cell))) for cell, _ in table.rows]
        if table.head == CODES:
            return [(f"`{name}`", self._problem(name, recipe)) for name, recipe in sorted(recipes().items())]
        if table.head == FLOORS:
            return floors(table)
        if table.head == PATHS:
            return list(_fields("", snapshot_type(), "always"))
        return unit_rows(table.head[0]) if table.head[1:] == SHOWN_UNITS else None

    def _values(self, table: Table) -> list[Row]:
        shown = self.shown([code(cells[-2]) for cells in table.rows])
        return [(*cells[:-1], f"`{value}`") for cells, value in zip(table.rows, shown, strict=True)]

    def shown(self, written: list[str]) -> list[str]:
        """Return what each expression is: in a text, or where it stands in outputs only, in those."""
        outputs = tuple(one for one in written if one.startswith("adjustments("))
        texts = tuple(one for one in written if one not in outputs)
        decision = evaluated(Piece(self.folder / "expressions", self.names).load(texts, outputs), self.snapshot)
        found = dict(zip(texts, decision.trace.said, strict=True))
        found |= {one: value_text(decision.outputs[f"given_{number}"]) for number, one in enumerate(outputs)}
        return [found[one] for one in written]

    def refusal(self, written: str) -> str:
        """Return why an expression is refused, and what to write instead."""
        try:
            Piece(self.folder / "refusals", self.names).load((written,))
        except PolicyError as error:
            problem = error.problems[0]
            return f"{problem.message}; {problem.hint}" if problem.hint else problem.message
        return "nothing: it is taken"

    def _problem(self, name: str, recipe: Any) -> str:
        return example(name, recipe, self.folder / "problems" / name, self.snapshot)


def _fields(prefix: str, record: t.Record, there: str) -> Iterator[Row]:
    """Yield path, unit or type, and whether it is there, of all that a policy can read."""
    for name, kind in record.fields.items():
        inner, here = t.strip(kind), "" if isinstance(kind, t.Optional) else there
        path = f"`{prefix}{name}`"
        if name == "facts":
            yield "`facts.…`", "as [declared](#inputs)", ""
        elif isinstance(inner, t.Record):
            yield path, "a part", here
            whole = whole_fields(name)
            for cells in _fields(f"{name}.", inner, here or f"with `{name}`"):
                yield (*cells[:2], "whole") if code(cells[0]).removeprefix(f"{name}.") in whole else cells
        elif isinstance(inner, t.ListOf) and isinstance(inner.item, t.Record):
            yield path, f"a list; `{name[0]}` is an element", here
            yield from _fields(f"{name[0]}.", inner.item, "always")
        else:
            yield path, _word(inner), here


def _word(kind: t.Type) -> str:
    names = sorted(kind.options) if isinstance(kind, t.Text) and kind.options else []
    return " or ".join(f"`{name}`" for name in names) or str(kind)


def floors(table: Table) -> list[Row]:
    """Return the floors as the import linter holds them, top first, each with what the document says of it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    modules = [re.findall(r"rulecap\.([\w.]+)", layer) for layer in layers]
    return [
        (", ".join(f"`{name}`" for name in names), why) for names, (_, why) in zip(modules, table.rows, strict=True)
    ]


def unit_rows(sign: str) -> list[Row]:
    """Return the table of products, or of quotients, of the units."""
    combined = {"×": t.product, "÷": t.quotient}[sign]
    return [
        (f"**{left}**", *(_unit(combined(t.NUMBERS[left], t.NUMBERS[right])) for right in SHOWN_UNITS))
        for left in SHOWN_UNITS
    ]


def _unit(unit: t.Number | None) -> str:
    return "–" if unit is None else t.NAMES_OF.get(unit, "*")
