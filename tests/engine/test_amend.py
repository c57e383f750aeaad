"""What a test's `set` does to a snapshot."""

import pytest

from rulecap.engine.amend import amended, without_none

SNAPSHOT = {"account": {"id": "a", "margin_used": 1.0}, "positions": [{"symbol": "X"}, {"symbol": "Y", "score": 3}]}


@pytest.mark.parametrize(
    ("path", "value", "part", "expected"),
    [
        ("account.margin_used", 2.0, "account", {"id": "a", "margin_used": 2.0}),
        ("account.margin_used", None, "account", {"id": "a"}),
        ("signal.win_rate", 0.58, "signal", {"win_rate": 0.58}),
        ("positions.0.score", 9, "positions", [{"symbol": "X", "score": 9}, {"symbol": "Y", "score": 3}]),
        ("positions.1.score", None, "positions", [{"symbol": "X"}, {"symbol": "Y"}]),
        ("positions.0", {"symbol": "Z"}, "positions", [{"symbol": "Z"}, {"symbol": "Y", "score": 3}]),
        ("positions.2", None, "positions", SNAPSHOT["positions"]),
        ("positions.0", None, "positions", [{"symbol": "Y", "score": 3}]),
        ("positions.2", {"symbol": "Z"}, "positions", [*SNAPSHOT["positions"], {"symbol": "Z"}]),
        ("positions.2.symbol", "Z", "positions", [*SNAPSHOT["positions"], {"symbol": "Z"}]),
        ("positions.7", None, "positions", ValueError),
        ("book.bids.0", [1, 2], "book", {"bids": [[1, 2]]}),
        ("as_of", "2026-01-01T00:00:00Z", "as_of", "2026-01-01T00:00:00Z"),
        ("account.id.name", 1, "account", ValueError),
        ("account.id.0", 1, "account", ValueError),
        ("account.margin_used.0", 1, "account", ValueError),
        ("positions.first.symbol", 1, "positions", ValueError),
        ("signal.win_rate", None, "signal", None),
        ("positions", [], "positions", []),
    ],
)
def test_set_replaces_creates_and_removes(path, value, part, expected):
    if expected is ValueError:
        with pytest.raises(ValueError, match=path):
            amended(SNAPSHOT, [(path, value)])
    else:
        assert amended(SNAPSHOT, [(path, value)]).get(part) == expected


def test_the_snapshot_itself_stays_as_it_was():
    changed = amended(SNAPSHOT, [("positions.0.score", 1), ("account.id", "b")])
    assert SNAPSHOT["positions"][0] == {"symbol": "X"}
    assert changed["account"]["id"] == "b"


def test_none_in_a_value_is_absent():
    assert without_none([{"symbol": "X", "score": "none", "margin": None}, "none"]) == [{"symbol": "X"}, None]
