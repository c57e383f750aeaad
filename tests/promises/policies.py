"""Generated policies: well-typed, of every kind of rule and every form of expression; not every result exists.

`Writer` writes one from a source of chance; `policies()` is the Hypothesis strategy. What it writes must load:
a refusal is a finding about the checks (or about this module).
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.snapshots import random_snapshot

Json = dict[str, Any]
UNITS = ("percent", "ratio", "USD", "price", "quantity", "leverage", "hours", "seconds", "score", "count")
ADAPTS = ("ratio", "score", "count")
BARE = "bare"
Number = tuple[str, str]  # an expression and its unit, or BARE

POSITION = {
    "quantity": ["quantity"],
    "price": ["entry_price", "mark_price"],
    "USD": ["notional", "margin", "unrealized_pnl"],
    "leverage": ["leverage"],
}
POSITION_OPTIONAL = {"score": ["score"], "percent": ["volatility_pct"], "price": ["liquidation_price"]}
BRACKET = {
    "USD": ["max_notional", "maintenance_amount"],
    "leverage": ["max_leverage"],
    "ratio": ["maintenance_margin_rate"],
}
ASSET = {"percent": ["volatility_pct"]}
REGIMES = ("STRONG_TREND", "TRENDING", "RANGING", "VOLATILE")
PARTS = ("signal.", "market.")
FAILING = (  # in every situation, or in some
    "account.margin_used / (account.margin_used - account.margin_used)",
    "5 USD / account.unrealized_pnl",
    "round_down(account.margin_used, account.unrealized_pnl)",
    "sum(position.margin / position.unrealized_pnl for position in positions)",
)
REQUIRES = ["signal.score", "signal.win_rate", "market"]


def spread(prefix: str, fields: dict[str, list[str]]) -> dict[str, list[str]]:
    return {unit: [f"{prefix}.{name}" for name in names] for unit, names in fields.items()}


@dataclass
class Names:
    """What may be read where an expression stands, by unit; `texts` are names with what they can be."""

    present: dict[str, list[str]] = field(default_factory=lambda: {unit: [] for unit in UNITS})
    optional: dict[str, list[str]] = field(default_factory=lambda: {unit: [] for unit in UNITS})
    flags: list[str] = field(default_factory=list)
    optional_flags: list[str] = field(default_factory=list)
    texts: list[tuple[str, tuple[str, ...] | None]] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    optional_times: list[str] = field(default_factory=list)


class Writer:
    """Writes one policy."""

    def __init__(self, rng: Random, rules: int = 14) -> None:
        self.rng = rng
        self.names = Names()
        self.rules: Json = {}
        self.cases: list[
            tuple[str, str, dict[str, str], list[str]]
        ] = []  # bands: rule, unit of the key, columns, cases
        self.tables: list[tuple[str, dict[str, str], bool, list[str]]] = []  # rule, columns, total, rows
        self.adjusts: list[str] = []
        self.lists: list[tuple[str, dict[str, str]]] = []  # each rules: name, fields' units
        self.wholes: dict[
            str, list[tuple[str, str]]
        ] = {}  # picks and partial tables: fields that are there where one is
        self.outputs: list[str] = []  # rules that are whole answers
        self.count = 0
        self.has_assets = self.chance(0.5)
        self.has_book = self.chance(0.5)
        self.parameters: Json = {}
        self.memory: Json = {}
        self._snapshot()
        self._parameters()
        self._memory()
        writers = list(KINDS)
        for number in range(rules):
            # every kind once, then by chance
            kind = writers[number] if number < len(writers) else self.pick(writers)
            getattr(self, f"_{kind}")(self.fresh(kind))

    # Chance.

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, many: Any) -> Any:
        many = list(many)
        return many[int(self.rng.random() * len(many)) % len(many)]

    def fresh(self, word: str) -> str:
        self.count += 1
        return f"{word}_{self.count}"

    # What there is to read.

    def _snapshot(self) -> None:
        n = self.names
        account = ["total_wallet_balance", "available_balance", "margin_used", "unrealized_pnl", "net_deposits"]
        n.present["USD"] += [f"account.{name}" for name in account] + ["market.min_notional"]
        n.present["price"] += ["market.price"]
        n.present["percent"] += ["market.atr_pct", "market.spread_pct", "facts.tilt_pct"]
        n.present["quantity"] += ["market.min_quantity", "market.quantity_step"]
        n.present["score"] += ["signal.score"]
        n.present["ratio"] += ["signal.win_rate", "facts.boost"]
        n.optional["USD"] += ["account.maintenance_margin"]
        n.optional["ratio"] += ["market.depth_score", "signal.win_loss_ratio"]
        n.optional["percent"] += [
            "market.taker_fee_pct",
            "signal.stop_distance_pct",
            "signal.expected_return_pct",
            "facts.funding",
        ]
        n.optional["seconds"] += ["age_seconds"]
        n.optional["count"] += ["signal.trades"]
        n.optional["quantity"] += ["signal.quantity"]
        n.flags += ["(signal.reduce_only and true)"]
        n.optional_flags += ["facts.holiday"]
        n.texts += [
            ("signal.side", ("BUY", "SELL")),
            ("signal.symbol", None),
            ("market.base", None),
            ("facts.venue", ("demo", "real")),
        ]
        n.times += ["as_of"]

    def _parameters(self) -> None:
        for unit in UNITS:
            if unit in ("price", "quantity"):
                continue
            name = self.fresh("set")
            if self.chance(0.3):
                days = ["2025-01-01", "2026-02-01", "2026-06-01"]
                if self.chance(0.15):
                    days[0] = "2026-01-15"  # some snapshots are from before
                values = [{"from": day, "is": self.literal(unit)} for day in days]
                self.parameters[name] = {"unit": unit, "values": values}
            else:
                self.parameters[name] = {"unit": unit, "value": self.literal(unit)}
            self.names.present[unit].append(name)
        self.parameters["told"] = {"value": self.pick(REGIMES)}
        self.parameters["switched"] = {"value": self.chance(0.5)}
        self.names.flags.append("switched")
        self.parameters["settles"] = {"type": "time", "value": self.pick(("2026-03-01", "2026-03-02T10:30Z"))}
        self.names.times.append("settles")

    def _memory(self) -> None:
        for unit in ("USD", "count", "ratio"):
            name = self.fresh("kept")
            self.memory[name] = {"unit": unit, "start": self.sure(unit, 1)[0]}
            self._later("present", unit, f"memory.{name}")
        self.memory["once"] = {"unit": "percent", "start": "none"}
        self._later("optional", "percent", "memory.once")
        self.memory["stamped"] = {"type": "time", "start": "none"}
        self.names.optional_times.append("memory.stamped")
        self.memory["state"] = {"type": "text", "start": "NORMAL"}
        self.names.texts.append(("memory.state", None))
        self.memory["raised"] = {"type": "flag", "start": "false"}
        self.names.flags.append("memory.raised")

    def _later(self, where: str, unit: str, path: str) -> None:
        getattr(self.names, where)[unit].append(path)

    # Expressions.

    def literal(self, unit: str) -> Any:
        """A written value of a unit, as a parameter, a column or a bound has it."""
        number = self.pick((0, 1, 2, 3, 5, 10, 50, 0.5, 0.25, 1.5, 0.1, 100, 1000, 7.25))
        if unit in ADAPTS:
            return number
        suffix = {"percent": "%", "USD": " USD", "leverage": "x", "hours": "h", "seconds": "s"}[unit]
        if unit == "percent" and self.chance(0.2):
            suffix = "bp"
        if unit == "hours":
            suffix = self.pick(("h", "min", "d"))
        return f"{number}{suffix}"

    def number(self, unit: str, depth: int) -> str:
        return self.num(unit, depth)[0]

    def num(self, unit: str, depth: int) -> Number:
        """Return an expression of a unit and what it turned out to be: the unit, or BARE, which adapts to it."""
        forms = [self._leaf]
        if depth > 0:
            forms += [
                self._arithmetic,
                self._scaled,
                self._function,
                self._function,
                self._chosen,
                self._discharged,
                self._looked_up,
            ]
            forms += [self._over_list, self._leaf]
            if unit in DERIVED:
                forms += [self._derived, self._derived]
        return self.pick(forms)(unit, depth - 1)

    def sure(self, unit: str, depth: int) -> Number:
        """Return an expression that is present by itself: a required part is computed with, not passed on."""
        text, found = self.num(unit, depth)
        return (f"max({text}, {text})" if text.startswith(PARTS) else text), found

    def sure_text(self, depth: int) -> tuple[str, tuple[str, ...] | None]:
        text, options = self.text(depth)
        while text.startswith(PARTS):
            text, options = self.text(depth)
        return text, options

    def _leaf(self, unit: str, depth: int) -> Number:
        known = self.names.present[unit]
        if unit not in ("price", "quantity") and (not known or self.chance(0.35)):
            text = str(self.literal(unit))
            return text, BARE if unit in ADAPTS else unit
        path = self.pick(known)
        return path, self.tag(path, unit)

    def tag(self, path: str, unit: str) -> str:
        """A column of plain numbers has no unit."""
        return BARE if unit in ADAPTS and path.rpartition(".")[2].startswith("column_") else unit

    def _arithmetic(self, unit: str, depth: int) -> Number:
        (a, x), (b, y) = self.num(unit, depth), self.num(unit, depth)
        return f"({a} {self.pick('+-')} {b})", x if x != BARE else y

    def _scaled(self, unit: str, depth: int) -> Number:
        (a, x), (b, y) = self.num(unit, depth), self.num("ratio", depth)
        if x == BARE and y != BARE and unit != "ratio":
            return a, x  # a bare number times a ratio is a ratio, no score
        scaled = f"({b} * {a})" if self.chance(0.5) else f"({a} {self.pick('*/')} {b})"
        if unit == "ratio":
            return scaled, BARE if x == y == BARE else "ratio"
        return scaled, x

    def _derived(self, unit: str, depth: int) -> Number:
        return DERIVED[unit](self, depth)

    def _function(self, unit: str, depth: int) -> Number:
        form = self.pick(("min", "max", "abs", "negative", "percent_of", "round_down", "floor", "ceil", "three"))
        a, x = self.num(unit, depth)
        if form in ("min", "max"):
            b, y = self.num(unit, depth)
            return f"{form}({a}, {b})", x if x != BARE else y
        if form == "three":
            (b, y), (c, z) = self.num(unit, depth), self.num(unit, depth)
            return f"{self.pick(('min', 'max'))}({a}, {b}, {c})", next((one for one in (x, y, z) if one != BARE), BARE)
        if form == "negative":
            return f"(-{a})", x
        if form == "percent_of":
            return f"percent_of({a}, {self.number('percent', depth)})", x
        if form == "round_down":
            b, y = self.num(unit, 0)
            return f"round_down({a}, {b})", x if x != BARE else y
        if form in ("floor", "ceil"):
            return f"{form}({a})", BARE if x == "ratio" else x
        return f"abs({a})", x

    def _chosen(self, unit: str, depth: int) -> Number:
        (a, x), (b, y) = self.sure(unit, depth), self.sure(unit, depth)
        return f"({a} if {self.flag(depth)} else {b})", x if x != BARE else y

    def _discharged(self, unit: str, depth: int) -> Number:
        """A value that may be absent: replaced, or read where it is known."""
        optional = self.names.optional[unit]
        if not optional:
            return self._chosen(unit, depth)
        path = self.pick(optional)
        b, y = self.sure(unit, depth)
        form = self.pick(("default", "known", "and", "unknown"))
        if form == "default":
            x = self.tag(path, unit)
            return f"default({path}, {b})", x if x != BARE else y
        with self.narrowed(unit, path):
            a, x = self.sure(unit, max(depth, 1))
            more = f" and {self.flag(depth)}" if form == "and" else ""
        joined = x if x != BARE else y
        if form == "unknown":
            return f"({b} if not known({path}) else {a})", joined
        return f"({a} if known({path}){more} else {b})", joined

    @contextmanager
    def narrowed(self, unit: str, path: str) -> Iterator[None]:
        """What is known to be present is read like anything else, and has no default any more."""
        # What has one field is present, and so has all of them.
        moved = self.wholes.get(path.rpartition(".")[0], [(unit, path)])
        for kind, one in moved:
            self.names.optional[kind].remove(one)
            self.names.present[kind].append(one)
        yield
        for kind, one in moved:
            self.names.present[kind].remove(one)
            self.names.optional[kind].append(one)

    def _looked_up(self, unit: str, depth: int) -> Number:
        """A column of a case that is named, or looked up by another key."""
        if self.chance(0.5) and self.tables:
            rule, columns, total, rows = self.pick(self.tables)
            fits = [name for name, kind in columns.items() if kind == unit]
            if fits:
                key, column = self.text(depth)[0], BARE if unit in ADAPTS else unit
                if self.chance(0.3):
                    return f"{rule}.{self.pick(rows)}.{self.pick(fits)}", column
                found = f"{rule}.at({key}).{self.pick(fits)}"
                if total:
                    return found, column
                b, y = self.sure(unit, 0)
                return f"default({found}, {b})", column if column != BARE else y
        if self.cases:
            rule, key, columns, rows = self.pick(self.cases)
            fits = [name for name, kind in columns.items() if kind == unit]
            if fits:
                column = BARE if unit in ADAPTS else unit
                if self.chance(0.3):
                    return f"{rule}.{self.pick(rows)}.{self.pick(fits)}", column
                return f"{rule}.at({self.number(key, depth)}).{self.pick(fits)}", column
        return self._leaf(unit, depth)

    @contextmanager
    def element(
        self, prefix: str, present: dict[str, list[str]], optional: dict[str, list[str]], texts: Any
    ) -> Iterator[None]:
        """A list's element has a name."""
        n = self.names
        here, maybe = spread(prefix, present), spread(prefix, optional)
        before = len(n.texts)
        for unit, paths in here.items():
            n.present[unit] += paths * 2
        for unit, paths in maybe.items():
            n.optional[unit] += paths
        n.texts += [(f"{prefix}.{name}", options) for name, options in texts]
        yield
        for unit, paths in here.items():
            n.present[unit] = [path for path in n.present[unit] if path not in paths]
        for unit, paths in maybe.items():
            n.optional[unit] = [path for path in n.optional[unit] if path not in paths]
        del n.texts[before:]

    def sources(self) -> list[tuple[str, dict[str, list[str]], dict[str, list[str]], Any]]:
        """The lists there are: text, fields by unit, fields that may be absent, names."""
        sides = ("LONG", "SHORT")
        found: Any = [("positions", POSITION, POSITION_OPTIONAL, [("symbol", None), ("base", None), ("side", sides)])]
        if self.has_assets:
            found.append(("assets", ASSET, {}, [("symbol", None)]))
        for rule, _, columns, rows in self.cases:
            found.append((f"{rule}.cases", _by_unit(columns), {}, [("name", tuple(rows))]))
        for rule, columns, _, rows in self.tables:
            found.append((f"{rule}.rows", _by_unit(columns), {}, [("name", tuple(rows))]))
        found += [(rule, _by_unit(columns), {}, []) for rule, columns in self.lists]
        return list(found)

    def _over_list(self, unit: str, depth: int) -> Number:
        if unit == "count" and self.chance(0.3):
            return f"count({self.pick(self.sources())[0]})", "count"
        source, present, optional, texts = self.pick(self.sources())
        name = self.fresh("one")
        function = self.pick(("sum", "average", "min", "max") + (("count",) * 3 if unit == "count" else ()))
        with self.element(name, present, optional, texts):
            if function == "count":
                return f"count({name} for {name} in {source} if {self.flag(depth)})", "count"
            own = [path for path in self.names.present[unit] if path.startswith(name + ".")]
            element, x = self._own(own, unit) if own and self.chance(0.6) else self.num(unit, depth)
            condition = ""
            if self.chance(0.5):
                maybe = [p for p in self.names.optional[unit] if p.startswith(name + ".")]
                if maybe and self.chance(0.5):
                    element, x, condition = maybe[0], self.tag(maybe[0], unit), f" if known({maybe[0]})"
                else:
                    condition = f" if {self.flag(depth)}"
        whole = f"{function}({element} for {name} in {source}{condition})"
        if function == "sum":
            return whole, x
        b, y = self.sure(unit, 0)
        return f"default({whole}, {b})", x if x != BARE else y

    def _own(self, paths: list[str], unit: str) -> Number:
        path = self.pick(paths)
        return path, self.tag(path, unit)

    def flag(self, depth: int) -> str:
        forms = [self._compared]
        if depth > 0:
            forms += [
                self._logic,
                self._negated,
                self._named,
                self._guarded,
                self._known,
                self._member,
                self._chained,
                self._flag_leaf,
            ]
        return self.pick(forms)(max(depth - 1, 0))

    def _flag_leaf(self, depth: int) -> str:
        if self.names.optional_flags and self.chance(0.3):
            return f"default({self.pick(self.names.optional_flags)}, {self.pick(('true', 'false'))})"
        return self.pick([*self.names.flags, "true", "false"])

    def _compared(self, depth: int) -> str:
        unit = self.pick(UNITS)
        operator = self.pick(("<", "<=", ">", ">=", "==", "!="))
        if self.chance(0.1):
            return f"({self.time(depth)} {operator} {self.time(depth)})"
        return f"({self.number(unit, depth)} {operator} {self.number(unit, depth)})"

    def _chained(self, depth: int) -> str:
        unit = self.pick(UNITS)
        a, b, c = (self.number(unit, depth) for _ in range(3))
        return f"({a} {self.pick('<>')} {b} {self.pick(('<=', '>='))} {c})"

    def _logic(self, depth: int) -> str:
        return f"({self.flag(depth)} {self.pick(('and', 'or'))} {self.flag(depth)})"

    def _negated(self, depth: int) -> str:
        return f"(not {self.flag(depth)})"

    def _named(self, depth: int) -> str:
        text, options = self.text(depth)
        other = self.pick(options or REGIMES)
        return f"({text} {self.pick(('==', '!='))} {_quoted(other)})"

    def _known(self, depth: int) -> str:
        every = [path for paths in self.names.optional.values() for path in paths] + self.names.optional_times
        return f"(known({self.pick(every)}) == true)"  # compared, it proves nothing to what stands beside it

    def _guarded(self, depth: int) -> str:
        unit = self.pick([unit for unit in UNITS if self.names.optional[unit]])
        path = self.pick(self.names.optional[unit])
        with self.narrowed(unit, path):
            inner = f"({path} {self.pick('<>')} {self.number(unit, depth)})"
        joined = f"known({path}) and {inner}" if self.chance(0.5) else f"not known({path}) or {inner}"
        return f"(({joined}) == true)"

    def _member(self, depth: int) -> str:
        if self.chance(0.4):
            unit = self.pick(UNITS)
            items = ", ".join(self.number(unit, 0) for _ in range(2))
            return f"({self.number(unit, depth)} {self.pick(('in', 'not in'))} [{items}])"
        text, options = self.text(depth)
        items = ", ".join(_quoted(name) for name in list(options or REGIMES)[:2])
        return f"({text} {self.pick(('in', 'not in'))} [{items}])"

    def text(self, depth: int) -> tuple[str, tuple[str, ...] | None]:
        if depth > 0 and self.chance(0.25):
            (a, x), (b, y) = self.sure_text(depth - 1), self.sure_text(depth - 1)
            return f"({a} if {self.flag(depth - 1)} else {b})", x + y if x is not None and y is not None else None
        if self.chance(0.15):
            return f"weekday({self.time(depth - 1)})", ("MONDAY", "TUESDAY", "SUNDAY")
        return self.pick(self.names.texts)

    def time(self, depth: int) -> str:
        if depth > 0 and self.chance(0.3):
            return f"({self.time(depth - 1)} {self.pick('+-')} {self.number('hours', depth - 1)})"
        if self.names.optional_times and self.chance(0.4):
            return f"default({self.pick(self.names.optional_times)}, as_of)"
        moment = self.pick(self.names.times)
        return f"midnight({moment})" if self.chance(0.2) else moment

    # Rules, one method for each kind.

    def _formula(self, name: str) -> None:
        kind = self.pick(("number",) * 6 + ("flag", "text", "time", "absent", "absent"))
        if kind == "number":
            unit = self.pick(UNITS)
            self.rules[name] = {"kind": "formula", "unit": unit, "formula": self.sure(unit, 3)[0]}
            self.names.present[unit].append(name)
        elif kind == "absent":
            unit = self.pick(UNITS)
            text = f"{self.number(unit, 2)} if {self.flag(2)} else none"
            if self.chance(0.5) and unit in MAYBE:
                text = MAYBE[unit](self)
            self.rules[name] = {"kind": "formula", "unit": unit, "formula": text}
            self.names.optional[unit].append(name)
        elif kind == "flag":
            self.rules[name] = {"kind": "formula", "formula": self.flag(3)}
            self.names.flags.append(name)
        elif kind == "text":
            text, options = self.sure_text(2)
            self.rules[name] = {"kind": "formula", "formula": text}
            self.names.texts.append((name, options))
        else:
            self.rules[name] = {"kind": "formula", "formula": self.time(2)}
            self.names.times.append(name)
        self.outputs.append(name)

    def _columns(self) -> dict[str, str]:
        units = [unit for unit in UNITS if unit not in ("price", "quantity")]
        return {self.fresh("column"): self.pick(units) for _ in range(2)}

    def _ranges(self, columns: dict[str, str], cases: list[Json]) -> Json:
        """Return ranges that the cases just keep, of some of the columns."""
        written = {column: sorted((case[column] for case in cases), key=_amount) for column in columns}
        kept = {column: [values[0], values[-1]] for column, values in written.items() if self.chance(0.5)}
        return {"ranges": kept} if kept else {}

    def _bands(self, name: str) -> None:
        unit = self.pick([unit for unit in UNITS if unit not in ("price", "quantity")])
        columns = self._columns()
        ends = sorted({self.pick((-50, -1, 0, 0.5, 1, 2, 3, 10, 100, 1000)) for _ in range(3)})
        case_names = [f"CASE_{number}" for number in range(len(ends) + 1)]
        cases: list[Json] = []
        for case, end in zip(case_names, [*ends, None], strict=True):
            row: Json = {"name": case, **{column: self.literal(kind) for column, kind in columns.items()}}
            if end is not None:
                row[self.pick(("below", "up_to"))] = _with_unit(end, unit)
            cases.append(row)
        self.rules[name] = {"kind": "bands", "of": self._typed(unit, 2), **self._ranges(columns, cases), "cases": cases}
        self.cases.append((name, unit, columns, case_names))
        self._columns_of(name, columns, case_names, "present")
        self.names.optional[unit] += [f"{name}.from", f"{name}.to"]
        self.outputs.append(name)

    def _typed(self, unit: str, depth: int) -> str:
        """Return an expression that has its unit by itself: what bands are over says it to them."""
        for _ in range(8):
            text, found = self.num(unit, depth)
            if found == unit:
                return text
        return str(self.pick(self.names.present[unit]))

    def _columns_of(self, name: str, columns: dict[str, str], cases: list[str], where: str) -> None:
        for column, unit in columns.items():
            getattr(self.names, where)[unit].append(f"{name}.{column}")
        if where == "optional":
            self.wholes[name] = [(unit, f"{name}.{column}") for column, unit in columns.items()]
        if where == "present":
            self.names.texts.append((f"{name}.name", tuple(cases)))

    def _table(self, name: str) -> None:
        columns = self._columns()
        rows: list[Json] = []
        key, options = self.text(2)
        groups = (["BTC", "BTCUSDT", "BUY", "LONG", "demo"], ["ETH", "SELL", "SHORT", "RANGING", "MONDAY"], [])
        if options is not None:  # a row holds no other names than its table can be looked up by
            groups = ([one for one in dict.fromkeys(options) if self.chance(0.5)], [], [])
        for number, group in enumerate(groups):
            rows.append(
                {
                    "name": f"ROW_{number}",
                    "is": group,
                    **{column: self.literal(kind) for column, kind in columns.items()},
                }
            )
        rule: Json = {"kind": "table", "of": key, "rows": rows}
        total = self.chance(0.6)
        row_names = [row["name"] for row in rows]
        if total:
            rest = {column: self.literal(kind) for column, kind in columns.items()}
            if self.chance(0.5):
                rule["otherwise"] = {"name": "REST", **rest}
            else:
                rows.append({"name": "REST", "is": "any", **rest})
            row_names.append("REST")
        rule |= self._ranges(columns, [*rows, rule.get("otherwise", rows[0])])
        self.rules[name] = rule
        self.tables.append((name, columns, total, row_names))
        if self.chance(0.2):  # it has rows only, and is looked up by name; which names there are would have to be known
            del rule["of"]
            for row in rows:
                if row["is"] != "any":
                    del row["is"]
            return
        self._columns_of(name, columns, row_names, "present" if total else "optional")
        self.outputs.append(name)

    def _tree(self, name: str) -> None:
        unit = self.pick((*UNITS, "text"))
        used: list[str] = []

        def leaf() -> str:
            if unit != "text":
                return self.sure(unit, 2)[0]
            used.append(self.pick(("GO", "WAIT", "STOP")))
            return used[-1]

        def twig(depth: int) -> Json:
            branches = []
            for _ in range(2):
                then: Any = twig(depth - 1) if depth and self.chance(0.4) else leaf()
                branches.append({"if": self.flag(2), "then": then})
            return {"branches": branches, "otherwise": twig(depth - 1) if depth and self.chance(0.3) else leaf()}

        self.rules[name] = {"kind": "tree", **({"unit": unit} if unit != "text" else {}), **twig(2)}
        if unit == "text":
            self.names.texts.append((name, tuple(dict.fromkeys(used))))
        else:
            self.names.present[unit].append(name)
        self.outputs.append(name)

    def _template(self) -> str:
        unit = self.pick(UNITS)
        parts = [f"is {{{self.number(unit, 1)}}}", f"for {{{self.text(0)[0]}}}", "at {as_of}", f"or {{{self.flag(1)}}}"]
        return " ".join(parts[: 1 + int(self.rng.random() * 4)])

    def _adjust(self, name: str) -> None:
        unit = self.pick(UNITS)
        start = self.number(unit, 2)
        steps: list[Json] = []
        self.names.present[unit] += ["value", "value"]
        for number in range(1 + int(self.rng.random() * 4)):
            step: Json = {"name": f"step {number}"}
            maybe = self.names.optional[unit]
            if maybe and self.chance(0.4):
                path = self.pick(maybe)
                step["when"] = f"known({path})"
                with self.narrowed(unit, path):
                    self._operations(step, unit)
            else:
                if self.chance(0.3):
                    step["when"] = self.flag(2)
                self._operations(step, unit)
            if self.chance(0.5):
                step["why"] = self._template()
            steps.append(step)
        self.names.present[unit] = [path for path in self.names.present[unit] if path != "value"]
        self.rules[name] = {"kind": "adjust", "unit": unit, "start": start, "steps": steps}
        self.names.present[unit].append(name)
        self.adjusts.append(name)
        self.outputs.append(name)

    def _operations(self, step: Json, unit: str) -> None:
        for operation in ("times", "plus", "minus", "at_least", "at_most", "round_down_to"):
            if self.chance(0.3):
                step[operation] = self.number("ratio" if operation == "times" else unit, 2)
        if not step.keys() - {"name", "when"}:
            step["at_most"] = self.number(unit, 1)

    def _checks(self, name: str) -> None:
        order = ["ENTER", "CAUTION", "HOLD", "REJECT"]
        checks = [
            {"name": f"check {number}", "if": self.flag(3), "verdict": self.pick(order), "why": self._template()}
            for number in range(1 + int(self.rng.random() * 5))
        ]
        self.rules[name] = {"kind": "checks", "order": order, "checks": checks}
        self.names.texts.append((f"{name}.verdict", tuple(order)))
        self.outputs.append(name)

    def _pick(self, name: str) -> None:
        many = self.sources()
        many.append(("market.brackets", BRACKET, {}, []))
        source, present, optional, texts = self.pick(many)
        element = self.fresh("p")
        rule: Json = {"kind": "pick", "from": f"{source} as {element}"}
        with self.element(element, present, optional, texts):
            if self.chance(0.6):
                rule["where"] = self.flag(2)
            order = self.pick(("lowest", "highest", None))
            if order:
                unit = self.pick(UNITS)
                maybe = [path for paths in self.names.optional.values() for path in paths if path.startswith(element)]
                rule[order] = self.pick(maybe) if maybe and self.chance(0.4) else self.number(unit, 2)
        self.rules[name] = rule
        self.wholes[name] = [(unit, f"{name}.{one}") for unit, fields in present.items() for one in fields]
        for unit, path in self.wholes[name]:
            self.names.optional[unit].append(path)
        self.outputs.append(name)

    def _give(self) -> tuple[Json, dict[str, str]]:
        fields: Json = {}
        units: dict[str, str] = {}
        for _ in range(2):
            unit, column = self.pick(UNITS), self.fresh("field")
            text = self._typed(unit, 2) if unit in ADAPTS else self.sure(unit, 2)[0]
            fields[column] = f"max({text}, {text})" if text.startswith(PARTS) else text
            units[column] = unit
        fields["said"] = self.sure_text(1)[0]
        if self.chance(0.3):
            fields["maybe"] = f"{self.number('USD', 1)} if {self.flag(1)} else none"
        return fields, units

    def _each(self, name: str) -> None:
        source, present, optional, texts = self.pick(self.sources())
        element = self.fresh("e")
        rule: Json = {"kind": "each", "of": f"{source} as {element}"}
        with self.element(element, present, optional, texts):
            if self.chance(0.5):
                rule["where"] = self.flag(2)
            rule["give"], units = self._give()
        self.rules[name] = rule
        self.lists.append((name, units))
        self.outputs.append(name)

    def _actions(self, name: str) -> None:
        actions: list[Json] = []
        for _ in range(1 + int(self.rng.random() * 2)):
            source, present, optional, texts = self.pick(self.sources())
            element, total = self.fresh("a"), self.fresh("total")
            action: Json = {"for": f"{source} as {element}"}
            if self.chance(0.5):
                action["when"] = self.flag(2)
            with self.element(element, present, optional, texts):
                if self.chance(0.5):
                    action["where"] = self.flag(1)
                if self.chance(0.5):
                    unit = self.pick(UNITS)
                    action["first"] = (
                        f"{self.number(unit, 1)} if {self.flag(1)} else none"
                        if self.chance(0.3)
                        else self.number(unit, 2)
                    )
                action["do"] = {"action": "CLOSE", "amount": self.sure("USD", 2)[0], "note": self.sure_text(1)[0]}
                if self.chance(0.5):
                    action["sums"] = {total: self.number("USD", 1)}
                    self.names.present["USD"] += [total] * 4
                    action["while"] = f"{total} < {self.number('USD', 2)}" if self.chance(0.7) else self.flag(2)
                    self.names.present["USD"] = [path for path in self.names.present["USD"] if path != total]
            actions.append(action)
        self.rules[name] = {"kind": "actions", "actions": actions}
        self.outputs.append(name)

    # The whole.

    def policy(self) -> Json:
        for name, one in self.memory.items():
            one["next"] = self._next(name, one)
        outputs: Json = {
            "all_of": {name: name for name in self.outputs},
            "computed": self.number(self.pick(UNITS), 3),
            "held": self.flag(3),
        }
        outputs["said"], outputs["at"] = self.text(2)[0], self.time(2)
        if self.adjusts:
            outputs["adjustments"] = f"adjustments({', '.join(self.adjusts)})"
        outputs["empty"] = []
        requires = [*REQUIRES, *(["assets"] if self.has_assets else []), *(["book"] if self.has_book else [])]
        whole: Json = {
            "title": "Asked",
            "requires": requires,
            "outputs": outputs,
            "verdict": "said",
            "on_error": dict.fromkeys(outputs, "none"),
            "explain": ["It is {as_of}.", {"if": self.flag(2), "say": self._template()}],
        }
        if self.chance(0.4):
            whole["answers_anyway"] = True
            for number in range(int(self.rng.random() * 4)):
                outputs[f"failing_{number}"] = self.pick(FAILING)
                whole["on_error"][f"failing_{number}"] = "none"
        small: Json = {
            "title": "Without memory, as far as it goes",
            "requires": requires,
            "outputs": {"computed": self.number("USD", 2), "held": self.flag(2)},
            "on_error": {"computed": "0 USD", "held": False},
        }
        if self.chance(0.2):
            small["answers_anyway"] = True
        handing: Json = {**small, "hand_over": [{"if": "default(signal.reduce_only, false)", "to": "small"}]}
        return {
            "language": 1,
            "policy": "generated",
            "version": "1.0.0",
            "title": "Generated",
            "inputs": {
                "signal.symbol": {"same_as": "market.symbol"},
                "signal.market_regime": {"one_of": list(REGIMES)},
                "market.atr_pct": {"range": ["0.01%", "100%"]},
                "positions.leverage": {"range": ["0x", "125x"]},
                "facts.tilt_pct": {"unit": "percent"},
                "facts.boost": {"unit": "ratio", "range": [-10, 10]},
                "facts.funding": {"unit": "percent", "optional": True},
                "facts.holiday": {"type": "flag", "optional": True},
                "facts.venue": {"one_of": ["demo", "real"]},
            },
            "parameters": self.parameters,
            "memory": self.memory,
            "decisions": {"whole": whole, "small": small, "handing": handing},
            "rules": self.rules,
        }

    def _next(self, name: str, one: Json) -> str:
        if one.get("type") == "time":
            return f"{self.time(1)} if {self.flag(2)} else memory.{name}"
        if one.get("type") == "text":  # what it may be compared with is any name, as the account's is
            return f"{self.sure_text(1)[0]} if {self.flag(1)} else account.id"
        if one.get("type") == "flag":
            return self.flag(2)
        if one["start"] == "none":
            return f"{self.number('percent', 2)} if {self.flag(2)} else memory.{name}"
        return self.sure(one["unit"], 2)[0]


def _by_unit(columns: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, unit in columns.items():
        found.setdefault(unit, []).append(name)
    return found


def _quoted(name: str) -> str:
    return name if name.isupper() else f"'{name}'"


def _amount(written: Any) -> float:
    """Return how much a literal is, to compare it with another one of its unit."""
    parts = re.match(r"([-\d.]+) ?(.*)", str(written))
    assert parts is not None
    return float(parts[1]) * {"bp": 0.01, "min": 1 / 60, "d": 24}.get(parts[2], 1)


def _with_unit(number: float, unit: str) -> Any:
    suffix = {"percent": "%", "USD": " USD", "leverage": "x", "hours": "h", "seconds": "s"}
    return f"{number}{suffix[unit]}" if unit in suffix else number


def _ratio(w: Writer, depth: int) -> Number:
    form = w.pick(("quotient", "power", "sqrt", "bound", "quotient"))
    if form == "power":
        return f"({w.number('ratio', depth)} ** {w.number('ratio', depth)})", "ratio"
    if form == "sqrt":
        return f"sqrt({w.number(w.pick(('ratio', 'leverage', 'score', 'count')), depth)})", "ratio"
    if form == "bound":
        return (
            f"lower_confidence_bound({w.number('ratio', depth)}, {w.number('count', 0)}, {w.number('ratio', depth)})",
            "ratio",
        )
    unit = w.pick(UNITS)
    (a, x), (b, y) = w.num(unit, depth), w.num(unit, depth)
    if y in (BARE, "ratio") and x not in ("ratio", BARE):
        return f"({a} / {w._typed(unit, 0)})", "ratio"  # divided by a bare number it would keep its unit
    if x == y == BARE:
        return f"({a} / {b})", BARE
    return f"({a} / {b})", "ratio"


def _usd(w: Writer, depth: int) -> Number:
    form = w.pick(("product", "times", "over", "depth", "within"))
    if form == "product":
        return f"({w.number('price', depth)} * {w.number('quantity', depth)})", "USD"
    if form in ("times", "over"):
        return f"({w.number('USD', depth)} {'*' if form == 'times' else '/'} {w.number('leverage', depth)})", "USD"
    side, levels = w.pick(("BUY", "SELL", "signal.side")), w.pick(("5", "20", w.number("count", 0)))
    own = f"book_depth(book, {side}, {levels})"
    if form == "within":
        own = f"largest_within(book, {side}, {w.number('percent', depth)}, {levels})"
    return (own, "USD") if w.has_book else (f"({own} if known(book) else {w.sure('USD', 0)[0]})", "USD")


def _price(w: Writer, depth: int) -> Number:
    if w.chance(0.4):
        own = "mid_price(book)"
        return (
            (own, "price") if w.has_book else (f"({own} if known(book) else max(market.price, market.price))", "price")
        )
    return f"({w.number('USD', depth)} / {w.number('quantity', depth)})", "price"


def _count(w: Writer, depth: int) -> Number:
    if w.chance(0.5):
        return f"hour({w.time(depth)})", "count"
    quantity, parts, least = w.number("quantity", depth), w.number("count", 0), w.number("quantity", 0)
    slices = f"order_slices({quantity}, {parts}, market.quantity_step, {least})"
    if w.chance(0.4):
        return f"count(slice for slice in {slices} if slice > {w.number('quantity', 0)})", "count"
    return f"count({slices})", "count"


def _percent(w: Writer, depth: int) -> Number:
    unit = w.pick(UNITS)
    a, b = w.number(unit, depth), w.number(unit, depth)
    return f"as_percent({a}, {b})", "percent"


DERIVED: dict[str, Callable[[Writer, int], Number]] = {
    "ratio": _ratio,
    "percent": _percent,
    "USD": _usd,
    "price": _price,
    "quantity": lambda w, depth: (f"({w.number('USD', depth)} / {w.number('price', depth)})", "quantity"),
    "hours": lambda w, depth: (f"hours_between({w.time(depth)}, {w.time(depth)})", "hours"),
    "count": _count,
}
MAYBE: dict[str, Callable[[Writer], str]] = {
    "price": lambda w: (
        f"fill_price(book, signal.side, {w.number('USD', 1)}, 20) if known(book) else none"
        if not w.has_book and w.chance(0.5)
        else f"liquidation_price(signal.side, {w.number('quantity', 1)}, {w.number('price', 1)}, {w.number('USD', 1)}, "
        f"{w.number('ratio', 1)}, {w.number('USD', 1)})"
    ),
    "ratio": lambda w: (
        "correlation_between(assets, correlation, signal.symbol, 'ETHUSDT')"
        " if known(assets) and known(correlation) else none"
    ),
}
KINDS = ("formula", "bands", "table", "tree", "adjust", "checks", "each", "pick", "actions")


def written(rng: Random, rules: int = 14) -> str:
    """Return the text of a generated policy."""
    return json.dumps(Writer(rng, rules).policy(), indent=1)


def put(folder: Path, text: str) -> Path:
    """Put a policy's text into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(text)
    return folder


@st.composite
def policies(draw: st.DrawFn, rules: int = 14) -> str:
    """Draw a policy's text."""
    return written(draw(st.randoms(use_true_random=False)), rules)


EXTREMES = (0.0, 1e-308, 5e-324, 1e-9, 1.0, 1e12, 1e154, 1e300, 1.7e308)
MAY_BE_NEGATIVE = {
    "account": ("total_wallet_balance", "unrealized_pnl", "margin_used", "available_balance", "net_deposits")
}


def situation(rng: Random) -> Json:
    """Return a snapshot with all that generated policies ask for, sometimes with values at the ends of their range."""
    snapshot = random_snapshot(rng)
    while "win_rate" not in snapshot.get("signal", {}) or "base" not in snapshot.get("market", {}):
        snapshot = random_snapshot(rng)
    facts = {
        "tilt_pct": rng.choice((0.0, -1.0, 5, 0.25)),
        "boost": rng.choice((0, 1, 2.5, -1)),
        "venue": rng.choice(("demo", "real")),
    }
    if rng.random() < 0.5:
        facts |= {"funding": rng.random() - 0.5, "holiday": rng.random() < 0.5}
    snapshot["facts"] = facts
    if rng.random() < 0.7:
        snapshot.setdefault(
            "assets", [{"symbol": "BTCUSDT", "volatility_pct": 2.5}, {"symbol": "ETHUSDT", "volatility_pct": 3.2}]
        )
    if rng.random() < 0.3:
        _stretch(rng, snapshot)
    if rng.random() < 0.04:
        del snapshot["facts"][rng.choice(sorted(facts))]
    return snapshot


def _stretch(rng: Random, snapshot: Json) -> None:
    for _ in range(1 + int(rng.random() * 3)):
        part, name = rng.choice(
            (
                *(("account", name) for name in MAY_BE_NEGATIVE["account"]),
                ("market", "price"),
                ("market", "min_quantity"),
                ("market", "quantity_step"),
                ("market", "min_notional"),
                ("signal", "win_loss_ratio"),
                ("signal", "stop_distance_pct"),
            )
        )
        value = rng.choice(EXTREMES)
        if part == "account" and rng.random() < 0.3:
            value = -value
        if name in ("price", "quantity_step", "win_loss_ratio", "stop_distance_pct") and value == 0:
            value = 1e-9
        snapshot[part][name] = value
