"""`rulecap snapshot`: what an exchange tells of an account and a market."""

import argparse
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, add_bars, add_json, add_venue

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS_SHOWN = 5


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Read a snapshot of an account and a market from an exchange; with --json as `eval` takes it."
    parser = commands.add_parser("snapshot", help="read an exchange", description=text, allow_abbrev=False)
    parser.add_argument("exchange", metavar="EXCHANGE", help="ccxt's id of a venue, such as binanceusdm or bybit")
    parser.add_argument("symbol", metavar="SYMBOL", nargs="?", help="the market, such as BTCUSDT (default: none)")
    add_venue(parser)
    add_bars(parser)
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the snapshot; not fine where the exchange gives none."""
    from rulecap.cli.outline import outline
    from rulecap.cli.terminal import Style, print_json
    from rulecap.cli.venue import read_venue

    told = read_venue(asked, asked.exchange, asked.symbol).model_dump(mode="json")
    if asked.json:
        print_json(told)
    else:
        print("\n".join(outline(_shortened(_present(told)))))
        print(Style.of_output().weak(f"absent: {', '.join(_absent(told)) or 'nothing'}"))
    return FINE


def _present(value: Any) -> Any:
    """Return a value without what is absent."""
    if isinstance(value, dict):
        return {name: _present(inner) for name, inner in value.items() if inner is not None}
    return [_present(inner) for inner in value] if isinstance(value, list) else value


def _shortened(told: dict[str, Any]) -> dict[str, Any]:
    """Return the snapshot with positions under their names, the book's best levels alone, a matrix with its symbols."""
    from rulecap.cli.outline import number_text

    shown = {name: value for name, value in told.items() if value not in ({}, [])}
    if "positions" in shown:
        shown["positions"] = {f"{one.pop('symbol')} {one.pop('side')}": one for one in shown["positions"]}
    for side, levels in shown.get("book", {}).items():
        rest = f"and {len(levels) - LEVELS_SHOWN} more" if len(levels) > LEVELS_SHOWN else ""
        best = [f"{number_text(price)} × {number_text(quantity)}" for price, quantity in levels[:LEVELS_SHOWN]]
        shown["book"][side] = [*best, *([rest] if rest else [])]
    if "correlation" in shown:
        names = [asset["symbol"] for asset in shown["assets"]]
        rows = zip(names, shown["correlation"], strict=True)
        shown["correlation"] = [{"symbol": name} | dict(zip(names, row, strict=True)) for name, row in rows]
    return shown


def _absent(value: Any, path: str = "") -> "Iterator[str]":
    """Give the paths of what is absent."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _absent(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _absent(inner, f"{path}[{number}]")
