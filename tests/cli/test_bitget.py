"""`rulecap snapshot` and `rulecap eval --exchange` at Bitget, whose key has a password."""

import json

import pytest

from rulecap.snapshot import read_snapshot
from tests.exchange.conftest import lead_to
from tests.venue.bitget import Bitget
from tests.venue.venue import KEY, PASSWORD, SECRET


@pytest.fixture
def venue(monkeypatch):
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    with Bitget() as one:
        one.set_position("ETHUSDT", "SHORT", "2.4", "1942", leverage=3)
        lead_to(one, monkeypatch)
        yield one


@pytest.mark.parametrize("options", [(), ("--sandbox",)])
def test_a_snapshot_is_told_and_decided_on(rulecap, venue, monkeypatch, options):
    monkeypatch.setenv("RULECAP_API_PASSWORD", PASSWORD)
    venue.demo = bool(options)
    ran = rulecap("snapshot", "bitget", "BTCUSDT", "--json", *options)
    assert (ran.code, ran.err) == (0, "")
    snapshot = read_snapshot(ran.out)
    assert snapshot.account.id == ("bitget-sandbox" if options else "bitget")
    assert [one.symbol for one in snapshot.positions] == ["ETHUSDT"]
    ran = rulecap("eval", "--exchange", "bitget", "--decision", "margin", "--json", *options)
    assert (ran.code, json.loads(ran.out)["ok"]) == (0, True)


def test_a_key_without_its_password_is_said_to_lack_it(rulecap, venue):
    ran = rulecap("snapshot", "bitget")
    assert (ran.code, "venue-auth" in ran.out + ran.err, '"password"' in ran.out + ran.err) == (1, True, True)
