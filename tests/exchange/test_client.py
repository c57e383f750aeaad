"""ccxt's client as it is opened: where it leads to, how long it waits, what it says, what it keeps of an answer."""

import logging

import pytest

from rulecap.exchange import ExchangeSettings, VenueError, client
from rulecap.exchange.client import open_client
from rulecap.exchange.keys import Keys

NONE = Keys()


def opened(keys=NONE, **given):
    return open_client(ExchangeSettings(**{"venue": "binanceusdm"} | given), keys)


@pytest.mark.parametrize("venue", ["binanceusdm", "bybit"])
def test_an_account_is_the_live_one_unless_a_sandbox_is_asked_for(venue):
    """Else a monitor would watch, and reduce, an account that has nothing in it."""
    live, sandbox = (str(opened(venue=venue, sandbox=one).urls["api"]) for one in (False, True))
    assert ("testnet" in live, "demo" in live) == (False, False)
    assert "testnet" in sandbox or "demo" in sandbox


def test_a_venue_that_is_like_none_is_refused_without_a_guess():
    with pytest.raises(VenueError) as raised:
        opened(venue="qqqqqqqqqq")
    assert (raised.value.code, raised.value.message) == ("unknown-venue", "ccxt knows no venue qqqqqqqqqq")


def test_where_ccxt_is_missing_it_is_said_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(client, "import_module", missing)
    with pytest.raises(VenueError) as raised:
        opened()
    told = "ccxt.async_support is missing: pip install 'rulecap[exchange]'"
    assert (raised.value.code, raised.value.message) == ("not-supported", told)


def test_what_is_set_is_what_ccxt_goes_by():
    one = opened(Keys("k", "s", "p"), timeout_seconds=2.5, milliseconds_per_weight=7.5)
    assert (one.timeout, one.rateLimit, one.enableRateLimit) == (2_500, 7.5, True)
    assert (one.apiKey, one.secret, one.password) == ("k", "s", "p")
    assert (one.options["defaultType"], one.options["defaultSubType"]) == ("swap", "linear")
    assert opened(milliseconds_per_weight=0).rateLimit == 0.001  # ccxt divides by it
    assert opened().rateLimit == type(one)().rateLimit > 1


def test_a_password_that_there_is_not_is_none():
    assert opened(Keys("k", "s")).password in (None, "")
    assert not opened().apiKey


def test_another_address_stands_for_each_and_every_one():
    """One that were left would be sent the key, and the orders."""

    def addresses(told):
        return [one for part in told.values() for one in addresses(part)] if isinstance(told, dict) else [told]

    for venue in ("binanceusdm", "bybit"):
        before, moved = (addresses(opened(venue=venue, origin=one).urls["api"]) for one in (None, "http://here:1"))
        assert len(before) == len(moved) > 1
        assert all(one.startswith("http://here:1/") or one == "http://here:1" for one in moved)
        assert [one.count("/") for one in moved] == [one.count("/") for one in before]


def test_what_ccxt_would_print_is_logged_and_without_what_is_secret(caplog, capsys):
    caplog.set_level(logging.DEBUG, "rulecap.exchange.venue")
    opened(Keys("the-key", "the-secret")).log("asked by", "the-key", 5)
    (told,) = caplog.messages
    assert told.startswith("asked by") and told.endswith("5")
    assert "the-key" not in told
    assert capsys.readouterr().out == ""


def handled(status, parsed, *, body="x", **headers):
    one, named = opened(), {name.replace("_", "-"): value for name, value in headers.items()}
    return one.handle_errors(status, "", "https://x/fapi/v1/time", "GET", named, body, parsed, {}, None)


@pytest.mark.parametrize("status", [200, 299])
@pytest.mark.parametrize(("body", "count"), [("abc", 3), ("", 0), (None, 0)])
def test_an_answer_that_is_no_json_is_half_of_one(status, body, count):
    with pytest.raises(VenueError, match=f"no whole JSON: {count} characters$") as raised:
        handled(status, None, body=body)
    assert raised.value.code == "half-an-answer"


@pytest.mark.parametrize("status", [199, 300, 404])
def test_an_answer_that_says_that_it_is_none_is_left_to_its_status(status):
    assert handled(status, None) is None


@pytest.mark.parametrize(
    ("wish", "seconds"), [("8", 8.0), ("0", 0.0), ("soon", None), ("-5", None), ("1.5", None), ("", None), ("²", None)]
)
@pytest.mark.parametrize("name", ["Retry_After", "retry_after"])
def test_a_wish_to_be_left_alone_is_a_number_of_seconds_or_none(name, wish, seconds):
    with pytest.raises(Exception, match="418") as raised:
        handled(418, {"code": -1003, "msg": "banned"}, **{"Date": "5", name: wish})
    assert (raised.value.status, raised.value.retry_after) == (418, seconds)


def test_a_balance_is_as_the_venue_tells_it():
    """ccxt would take what is free for total minus used, which is none of the venue's words."""
    told = {"info": {"x": 1}, "free": {}, "USDT": {"total": 5.0, "used": 2.0, "debt": 1.0}, "timestamp": 7}
    assert opened().safe_balance(told) == told | {"USDT": {"free": None, "used": 2.0, "total": 5.0}}
