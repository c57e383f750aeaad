"""A snapshot is written as pydantic writes it, whatever of it was written before."""

from hypothesis import given
from pydantic_core import to_json

from rulecap.audit import snapshot_json
from rulecap.audit.snapshot_json import FROZEN, SnapshotJson
from rulecap.snapshot import Snapshot, read_snapshot
from tests.snapshots import snapshots


def read(told) -> Snapshot:
    found = read_snapshot(told)
    assert isinstance(found, Snapshot)
    return found


@given(snapshots())
def test_it_is_pydantic_s_json_to_the_byte(told):
    one, writes = read(told), SnapshotJson()
    for _ in range(2):
        assert writes.json(one) == to_json(one, exclude_none=True)


@given(snapshots(), snapshots())
def test_what_was_written_before_is_not_taken_for_what_is_like_it(first, second):
    one, other, writes = read(first), read(second), SnapshotJson()
    mixed = other.model_copy(update={"account": one.account, "positions": one.positions})
    for each in (one, other, mixed, one):
        assert writes.json(each) == to_json(each, exclude_none=True)


def test_a_fact_that_is_changed_in_place_is_written_as_it_is_then():
    one = read({
        "as_of": "2026-01-01T00:00:00Z",
        "account": {
            "id": "a", "total_wallet_balance": 1, "available_balance": 1, "margin_used": 0, "unrealized_pnl": 0,
        },
        "facts": {"funding": 1.0},
    })  # fmt: skip
    writes = SnapshotJson()
    writes.json(one)
    one.facts["funding"] = 2.0
    assert b'"facts":{"funding":2.0}' in writes.json(one)


def test_what_comes_again_is_not_written_again(monkeypatch):
    account = {"id": "a", "total_wallet_balance": 1, "available_balance": 1, "margin_used": 0, "unrealized_pnl": 0}
    told = {"as_of": "2026-01-01T00:00:00Z", "account": account, "facts": {"funding": 1.0}}
    one, writes, asked = read(told), SnapshotJson(), []
    monkeypatch.setattr(
        snapshot_json, "to_json", lambda value, **options: asked.append(value) or to_json(value, **options)
    )
    first = writes.json(one)
    assert one.account in asked
    asked.clear()
    assert writes.json(one.model_copy(update={"as_of": one.as_of})) == first
    assert not [value for value in asked if value is one.account or value is one.positions]


def test_what_is_kept_is_frozen_and_nothing_else_is():
    told = {name for name, field in Snapshot.model_fields.items() if "dict" not in str(field.annotation)}
    assert told - {"as_of", "age_seconds", "signal"} == FROZEN


def test_no_more_is_kept_than_a_few(monkeypatch):
    monkeypatch.setattr(snapshot_json, "MOST_KEPT", 3)
    writes = SnapshotJson()
    for balance in range(10):
        account = {
            "id": "a", "total_wallet_balance": balance, "available_balance": 1, "margin_used": 0, "unrealized_pnl": 0,
        }  # fmt: skip
        writes.json(read({"as_of": "2026-01-01T00:00:00Z", "account": account}))
        assert len(writes._kept) <= 3
