"""The service over an exchange: what the venue has is what is decided on, and what it lacks is told."""

import asyncio
import threading
from dataclasses import replace

import pytest

pytest.importorskip("ccxt")

from starlette.testclient import TestClient

from rulecap.audit import LogError, open_log
from rulecap.exchange import reading
from rulecap.service import venue as module
from rulecap.service.app import create_app
from rulecap.service.service import Service
from rulecap.service.settings import BadSettings, read_settings
from rulecap.service.venue import exchange_source
from tests.service.steps import POSITION, wait
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED
from tests.venue.binance import hold_usdc
from tests.venue.venue import put, restless


@pytest.fixture
def client(venue, tmp_path):
    exchange = {
        "venue": "binanceusdm",
        "origin": venue.origin,
        "milliseconds_per_weight": 0,
        "timeout_seconds": 1.0,
        "retries": {"attempts": 1, "first_delay_seconds": 0, "longest_seconds": 1},
    }
    settings = read_settings(
        apart=False,
        exchange=exchange,
        log=f"sqlite:///{tmp_path / 'log.sqlite3'}",
        refresh_seconds=0.2,
        oldest_seconds=300.0,
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        yield client


def test_an_account_at_an_exchange_is_served(client, tmp_path):
    told = client.get("/api/capital/state").json()
    assert (told["total_wallet_balance"], told["band"]) == (12000.0, "LARGE")
    for symbol in ("BTCUSDT", "BTC/USDT:USDT"):
        answer = client.post(POSITION, json={**SPECIFIED, "symbol": symbol})
        assert answer.status_code == 200
        assert answer.json()["recommendation"] in ("ENTER", "CAUTION", "HOLD", "REJECT")
    refused(client.post(POSITION, json={**SPECIFIED, "symbol": "NOPEUSDT"}), 404, "unknown-symbol")
    with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
        assert log.record(log.head().size).fields["account"] == "binanceusdm"


FAULTS = {
    "server error": ("status", {"status": 503, "body": "{}"}),
    "too many requests": ("status", {"status": 429, "body": '{"code": -1003, "msg": "Too many requests."}'}),
    "dropped": ("drop", {}),
    "half an answer": ("cut", {}),
    "no answer": ("timeout", {}),
    "nothing in it": ("empty", {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_venue_that_goes_away_and_comes_back(client, venue, fault):
    kind, options = FAULTS[fault]
    venue.fault("", kind, 100_000, **options)
    without_the_venue(client, "rulecap_source_failing 1.0")
    venue._faults.clear()
    with_the_venue_again(client)


def test_a_market_whose_last_trade_is_long_ago_is_not_entered_at_that_price(client, venue):
    venue.fault("ticker/24hr", "then", 100_000, change=put(closeTime=venue.now() - 3_600_000))
    answer = client.post(POSITION, json={**SPECIFIED, "symbol": "ETHUSDT"}).json()
    assert (answer["recommendation"], 3600 <= answer["snapshot_age_seconds"] < 3700) == ("REJECT", True)
    assert "old" in answer["reason"]
    assert client.get("/ready").status_code == 200  # it is that market alone
    assert client.get("/api/capital/state").json()["snapshot_age_seconds"] < 60


def test_a_clock_that_is_wrong_for_a_while(client, venue):
    venue.clock_offset_ms = 3_600_000
    without_the_venue(client, "rulecap_source_failing 1.0")
    venue.clock_offset_ms = 0
    with_the_venue_again(client)


def without_the_venue(client, metric):
    """Hold what is promised while the venue fails: it answers, entries fail closed with a reason, reductions go on."""
    wait(lambda: client.app.state.service.desk.view.failure is not None)
    assert client.get("/health").status_code == 200
    reduction = {"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}
    assert client.post(POSITION, json=reduction).json()["quantity"] == 1.2
    entry = client.post(POSITION, json=SPECIFIED)
    if entry.status_code == 503:
        assert entry.json()["detail"]
    else:
        assert (entry.json()["recommendation"], entry.json()["reason"] != "") == ("REJECT", True)
    assert metric in client.get("/metrics").text


def with_the_venue_again(client):
    wait(lambda: client.app.state.service.desk.view.failure is None)
    assert client.post(POSITION, json=SPECIFIED).status_code == 200
    assert client.get("/ready").status_code == 200


def test_a_market_that_is_delisted_is_not_entered_and_what_is_held_in_it_can_be_left(client, venue):
    assert client.post(POSITION, json={**SPECIFIED, "symbol": "ETHUSDT"}).status_code == 200
    for path in ("depth", "ticker/24hr"):
        venue.fault(path, "status", 100_000, status=400, body='{"code": -1121, "msg": "Invalid symbol."}')
    client.app.state.service.desk.view.markets._markets.clear()  # as for one who asks for the first time
    entry = client.post(POSITION, json={**SPECIFIED, "symbol": "ETHUSDT"}).json()
    assert entry["recommendation"] == "REJECT"
    assert entry["reason"]
    reduction = {"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}
    assert client.post(POSITION, json=reduction).json()["quantity"] == 1.2


def test_a_crowd_that_asks_for_a_market_for_the_first_time_has_it_read_once(client, venue):
    desk = client.app.state.service.desk
    venue.requests.clear()

    async def crowd():
        async def one(name):
            return (await desk.view.markets.market(await desk.symbol(name))).told

        return await asyncio.gather(*map(one, ["SOLUSDT", "SOL/USDT:USDT", "solusdt", " SOLUSDT "] * 5))

    assert {one.market.symbol for one in client.portal.call(crowd)} == {"SOLUSDT"}
    assert len([one for one in venue.asked("depth") if one.params["symbol"] == "SOLUSDT"]) == 1
    assert len(desk.view._source._symbols) <= 2  # not one for each way to write them


def test_a_dated_contract_is_not_taken_for_the_perpetual(client, venue, monkeypatch):
    dated, source = "BTC/USDT:USDT-261225", client.app.state.service.source
    markets = dict(client.portal.call(source._exchange._session.markets))
    perpetual = markets["BTC/USDT:USDT"]
    markets[dated] = {**perpetual, "id": "BTCUSDT_261225", "symbol": dated, "type": "future", "swap": False}
    monkeypatch.setattr(source._exchange._session.reference, "_listed", markets)
    view = client.app.state.service.desk.view
    assert [client.portal.call(view.symbol, name) for name in (dated, "BTCUSDT_261225", "BTCUSDT", dated)] == [
        dated, dated, "BTCUSDT", dated,
    ]  # fmt: skip


def test_a_position_in_the_perpetual_is_not_told_of_a_dated_contract_that_there_is_not(client):
    reduction = {"symbol": "ETH/USDT:USDT-991225", "side": "SELL", "reduce_only": True}
    refused(client.post(POSITION, json=reduction), 404, "unknown-symbol")
    assert client.post(POSITION, json={**reduction, "symbol": "ETH/USDT:USDT"}).json()["quantity"] == 1.2


@pytest.mark.parametrize("apart", [False, True])
def test_what_was_remembered_is_known_before_the_first_question_of_a_service_that_starts(client, apart):
    client.get("/api/capital/drawdown/status")
    before = client.app.state.service
    service = Service(before.settings.model_copy(update={"apart": apart}))
    service.open()
    ledger = service.recorder.ledger
    unlogged = ledger._unlogged if apart else ledger._ledger._unlogged
    remembered = unlogged.known(("binanceusdm", "default"))
    client.portal.call(service.recorder.close)
    assert remembered.after == before.recorder.ledger._ledger.last("binanceusdm", "default").after


def test_a_position_that_appears_between_two_calls_is_in_the_account_or_nothing_is(client, venue):
    view = client.app.state.service.desk.view
    alone = view.account.account.margin_used
    venue.after("positionRisk", lambda: venue.set_position("BTCUSDT", "LONG", "0.01", "32310"))
    wait(lambda: len(view.account.positions) == 2)
    assert view.account.account.margin_used > alone


def test_deposits_are_counted_on_from_where_the_log_ended(client, venue, tmp_path):
    from rulecap.audit.last import last_deposits

    client.get("/api/capital/state")
    venue.deposit("500")
    log = f"sqlite:///{tmp_path / 'log.sqlite3'}"

    def counted():
        client.get("/api/capital/state")
        known = last_deposits(log, "binanceusdm")
        return known is not None and known[0] == 500.0

    wait(counted)
    source = client.app.state.service.source
    source.resume(*last_deposits(log, "binanceusdm"))
    assert client.portal.call(source.account).account.net_deposits == 500.0


@pytest.mark.parametrize("given", [{}, {"venue": "nowhere"}, {"venue": "binanceusdm", "speed": 1}])
def test_an_exchange_that_cannot_be_used_is_refused(given):
    with pytest.raises(BadSettings, match="the exchange cannot be used"):
        exchange_source(given)


def test_a_log_that_stands_still_or_fails_keeps_no_account_waiting(client, venue, monkeypatch, caplog):
    source = client.app.state.service.source
    let_go = threading.Event()

    def stands_still(_):
        assert let_go.wait(10)
        return {("ETHUSDT", "LONG"): 66.0}

    def fails(_):
        raise LogError("log-gone", "it is gone")

    monkeypatch.setattr(module, "LONGEST_READING", 0.05)
    monkeypatch.setattr(source._entries, "of", stands_still)
    assert client.portal.call(source.account).positions[0].score is None
    let_go.set()

    def scored():
        return client.portal.call(source.account).positions[0].score == 66.0

    wait(scored)
    monkeypatch.setattr(source._entries, "of", fails)
    wait(lambda: "cannot be read" in caplog.text)
    assert scored()  # as it was last known
    for _ in range(3):
        client.portal.call(source.account)
    assert caplog.text.count("scores of positions cannot be read") == 1  # not at each reading, for as long as it lasts
    monkeypatch.setattr(source._entries, "of", lambda _: {})
    client.portal.call(source.account)
    monkeypatch.setattr(source._entries, "of", fails)
    client.portal.call(source.account)
    assert caplog.text.count("scores of positions cannot be read") == 2


def test_what_a_venue_answers_is_in_no_log(client, venue, caplog):
    caplog.set_level(1)
    venue.fault("", "status", 100_000, status=400, body='{"code": -4000, "msg": "your balance of 12345.67 is odd"}')
    wait(lambda: client.app.state.service.desk.view.failure is not None)
    client.post(POSITION, json=SPECIFIED)
    said = [one.getMessage() for one in caplog.records if one.name.startswith("rulecap.service")]
    assert any("the account cannot be read" in one for one in said)
    assert "12345.67" not in "".join(said)  # what ccxt says at the lowest level, `serve` leaves out


@pytest.mark.parametrize("end", ["settling", "off"])
def test_what_is_held_in_a_market_that_is_not_traded_is_served_and_can_be_left(client, venue, monkeypatch, end):
    monkeypatch.setattr(reading, "REFERENCE_SECONDS", 0.0)
    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.0)
    venue.set_position("BTCUSDT", "LONG", "0.01", "32310")
    if end == "off":
        venue.take_off("ETHUSDT")
    else:
        venue.specs["ETHUSDT"].status = "SETTLING"
    view = client.app.state.service.desk.view
    read = view.account.read_at
    wait(lambda: view.account.read_at > read and len(view.account.positions) == 2)
    assert view.failure is None
    entry = client.post(POSITION, json={**SPECIFIED, "symbol": "ETHUSDT"})
    assert (entry.status_code, entry.json()["recommendation"]) == (200, "REJECT")
    assert entry.json()["reason"]
    for name in ("ETHUSDT", "ETH/USDT:USDT"):
        reduction = {"symbol": name, "side": "SELL", "reduce_only": True}
        assert client.post(POSITION, json=reduction).json()["quantity"] == 1.2
    assert client.post(POSITION, json={**SPECIFIED, "symbol": "BTCUSDT"}).status_code == 200
    refused(client.post(POSITION, json={**SPECIFIED, "symbol": "NOPEUSDT"}), 404, "unknown-symbol")


def all_on_record(client):
    """Wait until what was asked while the account was whole is on record; return the number of the last record."""
    client.get("/api/capital/state")
    wait(lambda: client.app.state.service.recorder.waiting == 0)
    return client.get("/api/decisions").json()["decisions"][0]["seq"]


def test_a_position_that_cannot_be_counted_refuses_entries_and_leaves_reductions_of_the_others(client, venue, caplog):
    venue.set_position("BTCUSDT", "LONG", "0.01", "32310")
    view = client.app.state.service.desk.view
    wait(lambda: len(view.account.positions) == 2)
    assert client.get("/api/capital/state").json()["decision_id"]

    def untelling(answer):
        return [row | {"markPrice": "", "notional": ""} if row["symbol"] == "BTCUSDT" else row for row in answer]

    venue.fault("positionRisk", "then", 100_000, change=untelling)
    wait(lambda: view.failure is not None)
    before = all_on_record(client)
    for symbol in ("SOLUSDT", "ETHUSDT"):
        entry = client.post(POSITION, json={**SPECIFIED, "symbol": symbol}).json()
        assert (entry["recommendation"], entry["decision_id"]) == ("REJECT", None)
        assert ("position-untold", True) in {(one["code"], "BTC" in one["detail"]) for one in entry["problems"]}
    reduced = client.post(POSITION, json={"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}).json()
    assert (reduced["quantity"], reduced["problems"][0]["code"]) == (1.2, "position-untold")
    assert reduced["problems"][0]["severity"] == "warning"
    # Of the one that is not told nobody says that it is not there; a short position in ETH may be it too.
    for asked in ({"symbol": "BTCUSDT", "side": "SELL"}, {"symbol": "ETHUSDT", "side": "BUY"}):
        refusal = client.post(POSITION, json={**asked, "reduce_only": True}).json()
        assert (refusal["recommendation"], refusal["quantity"], refusal["decision_id"]) == ("REJECT", 0, None)
        assert "nothing to reduce" not in refusal["reason"]
        assert [(one["code"], one["severity"]) for one in refusal["problems"]] == [("position-untold", "error")]
    assert client.get("/api/capital/margin/status").json()["zone"] == "GREEN_ZONE"
    refused(client.get("/api/capital/state"), 503, "position-untold")
    ready = client.get("/ready").json()
    assert ready["reasons"][0]["code"] == "position-untold"
    assert client.get("/api/decisions").json()["decisions"][0]["seq"] == before
    said = [one.getMessage() for one in caplog.records]
    assert said.count("the account cannot be read: position-untold") == 1
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert client.post(POSITION, json={**SPECIFIED, "symbol": "SOLUSDT"}).json()["decision_id"]
    assert client.get("/ready").status_code == 200


def the_ledger_fails(venue, kind="drop"):
    venue.fault("v1/income", kind, 100_000)


def test_a_ledger_that_cannot_be_read_refuses_entries_and_answers_reductions_on_fresh_figures(client, venue, caplog):
    view = client.app.state.service.desk.view
    peak = client.get("/api/capital/drawdown/status").json()["peak_equity"]
    the_ledger_fails(venue)
    wait(lambda: view.failure is not None)
    venue.deposit("5000")  # which would be taken for a profit
    venue.set_position("ETHUSDT", "LONG", "0.7", "1942", leverage=4)
    wait(lambda: view.account.positions[0].quantity == 0.7 and view.account.account.total_wallet_balance == 17000)
    before = all_on_record(client)
    for symbol in ("SOLUSDT", "ETHUSDT"):
        entry = client.post(POSITION, json={**SPECIFIED, "symbol": symbol}).json()
        assert (entry["recommendation"], entry["decision_id"]) == ("REJECT", None)
        assert [one["code"] for one in entry["problems"]] == ["deposits-unknown"]
        assert entry["snapshot_age_seconds"] < 60
    reduced = client.post(POSITION, json={"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}).json()
    assert (reduced["recommendation"], reduced["quantity"], reduced["decision_id"]) == ("ENTER", 0.7, None)
    assert [(one["code"], one["severity"]) for one in reduced["problems"]] == [("deposits-unknown", "warning")]
    assert (reduced["zone"], reduced["drawdown_state"], reduced["drawdown_pct"]) == ("GREEN_ZONE", None, None)
    margin = client.get("/api/capital/margin/status").json()
    assert (margin["zone"], margin["problems"][0]["code"]) == ("GREEN_ZONE", "deposits-unknown")
    for path in ("state", "drawdown/status"):
        refused(client.get(f"/api/capital/{path}"), 503, "deposits-unknown")
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "deposits-unknown")
    assert "rulecap_source_failing 1.0" in client.get("/metrics").text
    assert client.get("/api/decisions").json()["decisions"][0]["seq"] == before
    said = [one.getMessage() for one in caplog.records]
    assert said.count("the account cannot be read: deposits-unknown") == 1
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert client.get("/ready").status_code == 200
    assert client.post(POSITION, json={**SPECIFIED, "symbol": "SOLUSDT"}).json()["decision_id"]
    drawdown = client.get("/api/capital/drawdown/status").json()
    assert (drawdown["state"], drawdown["drawdown_pct"]) == ("NORMAL", pytest.approx(0, abs=1))  # 0.5 ETH's profit
    assert drawdown["peak_equity"] == pytest.approx(peak + 5000, rel=0.01)
    assert view.account.account.net_deposits == 5000


def test_a_ledger_whose_sum_is_infinite_is_one_that_cannot_be_read(client, venue, caplog):
    view = client.app.state.service.desk.view
    venue.fault("v1/income", "then", 100_000, change=put(income="1e308"))
    for _ in range(2):
        venue.deposit("1")
    wait(lambda: view.failure is not None)
    assert view.failure.code == "deposits-unknown"
    venue._faults.clear()
    wait(lambda: view.failure is None)
    assert view.account.account.net_deposits == 2
    assert "internal" not in {getattr(one, "code", "") for one in caplog.records}


def test_what_was_paid_in_that_no_account_has_is_told_by_its_name(client, caplog):
    source, view = client.app.state.service.source, client.app.state.service.desk.view
    source._exchange.deposits = endlessly
    wait(lambda: view.failure is not None)
    assert view.failure.code == "not-a-snapshot"
    assert "internal" not in {getattr(one, "code", "") for one in caplog.records}


async def endlessly(before, _):
    return replace(before, net=float("inf"))


def test_a_market_whose_bars_have_no_finite_range_is_the_venues_failure(client, venue, caplog):
    def far_apart(answer):
        return [[row[0], "1e-300", "1.7e308", "1e-300", ("1e-300", "1")[n % 2]] for n, row in enumerate(answer)]

    client.portal.call(client.app.state.service.desk.view.symbol, "SOLUSDT")
    venue.fault("klines", "then", 100_000, change=far_apart)
    refusing = client.post(POSITION, json={**SPECIFIED, "symbol": "SOLUSDT"}).json()
    assert refusing["recommendation"] == "REJECT"
    assert "not-a-snapshot" in {one["code"] for one in refusing["problems"]}
    assert "internal" not in {getattr(one, "code", "") for one in caplog.records}


def test_a_withdrawal_that_is_not_seen_yet_is_no_loss(client, venue):
    view = client.app.state.service.desk.view
    client.get("/api/capital/drawdown/status")
    the_ledger_fails(venue)
    wait(lambda: view.failure is not None)
    venue.deposit("-6000")
    wait(lambda: view.account.account.total_wallet_balance == 6000)
    refused(client.get("/api/capital/drawdown/status"), 503, "deposits-unknown")
    venue._faults.clear()
    wait(lambda: view.failure is None)
    drawdown = client.get("/api/capital/drawdown/status").json()
    assert (drawdown["state"], drawdown["breaker_open"]) == ("NORMAL", False)


def test_a_ledger_that_takes_long_keeps_no_account_waiting_and_is_taken_up_when_it_comes(client, venue, monkeypatch):
    source, view = client.app.state.service.source, client.app.state.service.desk.view
    monkeypatch.setattr(module, "LONGEST_COUNTING", 0.1)
    deposits, slow = source._exchange.deposits, 0.4

    async def slowly(before, until):
        await asyncio.sleep(slow)
        return await deposits(before, until)

    monkeypatch.setattr(source._exchange, "deposits", slowly)
    wait(lambda: view.failure is not None)
    assert view.failure.code == "deposits-unknown"
    venue.deposit("500")
    wait(lambda: view.account.account.total_wallet_balance == 12500)
    wait(lambda: view.account.account.net_deposits == 500)  # by a reading that was begun before, for the moment then
    assert view.account.lacking.doubt is not None
    slow = 0.0
    wait(lambda: view.failure is None)
    assert view.account.account.net_deposits == 500


def test_where_a_position_is_not_counted_either_what_depends_on_deposits_is_left_out_too(client, venue):
    view = client.app.state.service.desk.view
    venue.set_position("BTCUSDT", "LONG", "0.01", "32310")
    wait(lambda: len(view.account.positions) == 2)

    def untelling(answer):
        return [row | {"markPrice": "", "notional": ""} if row["symbol"] == "BTCUSDT" else row for row in answer]

    venue.fault("positionRisk", "then", 100_000, change=untelling)
    the_ledger_fails(venue)
    wait(lambda: view.account.lacking.untold is not None and view.account.lacking.doubt is not None)
    reduced = client.post(POSITION, json={"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True}).json()
    assert (reduced["quantity"], reduced["problems"][0]["code"]) == (1.2, "position-untold")
    assert reduced["drawdown_state"] is None


def test_the_specifications_objects_count_deposits_on_from_the_log_too(venue, tmp_path):
    """Each start builds them anew, as a bot's does; what was paid in meanwhile is no profit."""
    from rulecap.audit.last import last_deposits
    from rulecap.service import CapitalOrchestrator, DynamicCapitalManager, exchange_source

    log = f"sqlite:///{tmp_path / 'log.sqlite3'}"

    async def once():
        source = exchange_source({"venue": "binanceusdm", "origin": venue.origin, "milliseconds_per_weight": 0})
        manager, orchestrator = DynamicCapitalManager(source, log=log), CapitalOrchestrator(source, log=log)
        state = await manager.get_capital_state()
        told = await orchestrator.get_position_recommendation(**SPECIFIED)
        manager.close()
        orchestrator.close()
        await source.close()
        return state["total_wallet_balance"], told["drawdown_pct"], told["recommendation"]

    before = asyncio.run(once())
    venue.deposit("-6000")
    after = asyncio.run(once())
    assert (before[0], after[0]) == (12000.0, 6000.0)
    assert after[1] == pytest.approx(0.0, abs=1e-9)
    assert last_deposits(log, "binanceusdm")[0] == -6000.0


def test_accounts_in_two_currencies_over_one_log_are_two(venue, tmp_path):
    hold_usdc(venue, "900")
    told = []
    for given in ({}, {"quote": "USDC"}):
        exchange = {"venue": "binanceusdm", "origin": venue.origin, "milliseconds_per_weight": 0, **given}
        log = f"sqlite:///{tmp_path / 'log.sqlite3'}"
        with TestClient(
            create_app(read_settings(apart=False, exchange=exchange, log=log)), base_url="http://localhost"
        ) as client:
            client.portal.call(client.app.state.service.desk.view.read_once.wait)
            told.append(client.get("/api/capital/drawdown/status").json())
            assert client.get("/api/capital/state").json()["total_wallet_balance"] == (900 if given else 12_000)
            accounts = {one["account"] for one in client.get("/api/decisions").json()["decisions"]}
    assert [(one["state"], one["drawdown_pct"]) for one in told] == [("NORMAL", 0), ("NORMAL", 0)]
    assert "binanceusdm-USDC" in accounts


def test_an_account_that_never_rests_is_served_as_it_was_for_a_while_and_then_in_part(client, venue, monkeypatch):
    """What was opened since can be left, and an entry is none on figures that do not belong together."""
    view = client.app.state.service.desk.view
    restless(venue)
    wait(lambda: view.failure is not None and view.failure.code == "account-moving")
    assert client.post(POSITION, json=SPECIFIED).json()["decision_id"]  # a moment ago it rested
    reduction = {"symbol": "SOLUSDT", "side": "SELL", "reduce_only": True}
    assert client.post(POSITION, json=reduction).json()["recommendation"] == "REJECT"  # nothing was held there then
    monkeypatch.setattr(module, "LONGEST_MOVING", 0.0)
    wait(lambda: view.lacking is not None)
    told = client.post(POSITION, json=reduction).json()
    assert (told["recommendation"], told["decision_id"]) == ("ENTER", None)
    assert (told["problems"][0]["code"], told["problems"][0]["severity"]) == ("account-moving", "warning")
    entry = client.post(POSITION, json=SPECIFIED).json()
    assert (entry["recommendation"], entry["problems"][0]["code"]) == ("REJECT", "account-moving")
    assert client.get("/ready").json()["reasons"][0]["code"] == "account-moving"
    venue._after.clear()
    wait(lambda: view.failure is None)
    assert client.get("/ready").status_code == 200
