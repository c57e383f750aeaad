"""What pandas and numpy hand out is read as what it is: a bot's table has its own numbers, flags and arrays."""

import json
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.snapshot import Snapshot, read_snapshot

EXAMPLES = Path(__file__).parents[2] / "policies" / "default" / "examples"
numpy = pytest.importorskip("numpy")


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
