"""What pandas and numpy hand out is read as what it is: a bot's table has its own numbers, flags and arrays."""

import json
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.snapshot import Snapshot, read_snapshot

EXAMPLES = Path(__file__).parents[2] / "policies" / "default" / "examples"
numpy = pytest.importorskip("numpy")


POSITION = {
    "symbol": "X", "base": "X", "side": "LONG", "quantity": 1.0, "entry_price": 1.0, "mark_price": 1.0, "notional": 1.0,
    "margin": 1.0, "leverage": 1.0, "unrealized_pnl": 0.0,
}  # fmt: skip
BRACKET = {"max_notional": 1.0, "max_leverage": 5.0, "maintenance_margin_rate": 0.1, "maintenance_amount": 0.0}


def table():
    given = json.loads((EXAMPLES / "sushi_recorded.json").read_bytes())
    given["account"]["total_wallet_balance"] = numpy.float64(given["account"]["total_wallet_balance"])
    given["market"]["atr_pct"] = numpy.float32(2.5)
    given["signal"]["trades"] = numpy.int64(40)
    given["signal"]["reduce_only"] = numpy.bool_(False)
    given["book"]["asks"] = numpy.array(given["book"]["asks"])
    return given


def test_numbers_flags_and_arrays_of_numpy_are_read():
    read = read_snapshot(table())
    assert isinstance(read, Snapshot), read
    assert (read.signal.trades, type(read.signal.trades), read.signal.reduce_only) == (40, int, False)
    assert read.book.asks == tuple(map(tuple, table()["book"]["asks"].tolist()))


def test_lists_of_arrays_are_read_as_lists_of_lists():
    given = json.loads((EXAMPLES / "sushi_recorded.json").read_bytes())
    assets = [{"symbol": "A", "volatility_pct": 1.0}, {"symbol": "B", "volatility_pct": 1.0}]
    given |= {"assets": assets, "correlation": [[1.0, 0.5], [0.5, 1.0]]}
    arrays = {**given, "correlation": [numpy.array(row) for row in given["correlation"]]}
    arrays["book"] = {side: [numpy.array(level) for level in levels] for side, levels in given["book"].items()}
    assert read_snapshot(arrays) == read_snapshot(given)
    assert isinstance(read_snapshot({**given, "correlation": arrays["correlation"]}), Snapshot)


def test_what_is_wrong_among_them_is_wrong_all_the_same():
    given = table()
    given["signal"]["trades"] = numpy.float64("nan")
    given["market"]["price"] = numpy.str_("dear")
    assert sorted((one.path, one.code) for one in read_snapshot(given)) == [
        ("market.price", "wrong-type"),
        ("signal.trades", "wrong-type"),
    ]


def test_the_ledger_decides_as_the_policy_does(tmp_path):
    policy = load_policy("default")
    with open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}") as ledger:
        recorded = ledger.evaluate(policy, table())
    decided = policy.evaluate(table())
    assert (recorded.outputs, recorded.problems) == (decided.outputs, decided.problems)


@pytest.mark.parametrize("flag", [numpy.bool_(True), numpy.array(True)])
@pytest.mark.parametrize("place", ["age_seconds", "account.margin_used", "positions.0.quantity", "market.price",
                                   "market.brackets.0.max_leverage", "book.bids.0.1", "book.asks.2.0",
                                   "assets.0.volatility_pct", "correlation.0.0"])  # fmt: skip
def test_a_flag_is_no_number(flag, place):
    given = json.loads((EXAMPLES / "sushi_recorded.json").read_bytes())
    given |= {"age_seconds": 1.0, "assets": [{"symbol": "A", "volatility_pct": 1.0}], "correlation": [[1.0]]}
    given["positions"] = [dict(POSITION)]
    given["market"]["brackets"] = [dict(BRACKET)]
    assert isinstance(read_snapshot(given), Snapshot)
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    within = given
    for step in way:
        within = within[step]
    within[last] = flag
    (problem,) = read_snapshot(given)
    assert (problem.code, problem.message) == ("wrong-type", "must be a number, got true")
