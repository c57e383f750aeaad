"""`rulecap snapshot`, and `rulecap eval --exchange`: against a venue on this machine."""

import json

import pytest

from rulecap.exchange import exchange
from rulecap.snapshot import Snapshot, read_snapshot
from tests.venue.binance import Binance, hold_usdc
from tests.venue.okx import Okx
from tests.venue.venue import KEY, PASSWORD, SECRET

SIGNAL = {
    "symbol": "BTC/USDT:USDT",
    "score": 90,
    "market_regime": "TRENDING",
    "win_rate": 0.6,
    "expected_return_pct": 3,
}


@pytest.fixture
def venue(monkeypatch):
    """Return a venue with one position, its key in the environment."""
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    opened = exchange.open_client
    quickly = {"milliseconds_per_weight": 0}
    monkeypatch.setattr(exchange, "open_client", lambda asked, keys: opened(asked.model_copy(update=quickly), keys))
    with Binance() as one:
        one.set_position("ETHUSDT", "SHORT", "2.4", "1942", leverage=3)
        yield one


@pytest.fixture
def reach(rulecap, venue):
    """Return a function that runs a command against the venue."""
    return lambda *arguments: rulecap(*arguments, "--url", venue.origin)


def test_a_snapshot_as_json_is_what_eval_takes(reach, rulecap, tmp_path):
    ran = reach("snapshot", "binanceusdm", "BTCUSDT", "--json")
    assert (ran.code, ran.err) == (0, "")
    snapshot = read_snapshot(ran.out)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.account.id, snapshot.market.symbol) == ("binanceusdm", "BTCUSDT")
    (tmp_path / "s.json").write_text(ran.out)
    assert rulecap("eval", str(tmp_path / "s.json"), "--decision", "margin").code == 0


def test_a_snapshot_as_text_says_what_is_absent(reach):
    ran = reach("snapshot", "binanceusdm", "BTC/USDT:USDT", "--account", "main")
    assert ran.code == 0
    for line in ("  id                    main\n", "  ETHUSDT SHORT\n", "  price          32310\n", "32309.99 × 0.345"):
        assert line in ran.out
    assert "absent: positions[0].score, signal, market.depth_score\n" in ran.out


def test_without_a_symbol_there_is_the_account(reach):
    ran = reach("snapshot", "binanceusdm")
    assert ran.code == 0
    assert "market" not in ran.out.partition("absent:")[0]


def test_a_decision_on_what_the_exchange_tells(reach, tmp_path):
    (tmp_path / "signal.json").write_text(json.dumps(SIGNAL))
    ran = reach("eval", "--exchange", "binanceusdm", "--signal", str(tmp_path / "signal.json"), "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["ok"], answer["problems"]) == (0, True, [])
    assert answer["outputs"]["tier"] == "CORE"
    ran = reach("explain", "--exchange", "binanceusdm", "--decision", "margin")
    assert (ran.code, "Every step" in ran.out) == (0, True)


def test_a_position_has_the_score_at_which_it_was_entered(reach, venue, tmp_path):
    log = ("--log", f"sqlite:///{tmp_path / 'log.sqlite3'}")
    signal = {**SIGNAL, "symbol": "BTCUSDT", "win_loss_ratio": 3, "trades": 100}
    (tmp_path / "signal.json").write_text(json.dumps(signal))
    venue.set_wallet("100000")
    ran = reach("eval", "--exchange", "binanceusdm", "--signal", str(tmp_path / "signal.json"), "--record", *log)
    assert "ENTER" in ran.out
    venue.set_position("BTCUSDT", "LONG", "0.01", "32310")
    positions = json.loads(reach("snapshot", "binanceusdm", *log, "--json").out)["positions"]
    assert {one["symbol"]: one["score"] for one in positions} == {"BTCUSDT": 90.0, "ETHUSDT": None}
    ran = reach("snapshot", "binanceusdm", "--log", "sqlite:////nowhere/at/all.sqlite3", "--json")
    assert [one["score"] for one in json.loads(ran.out)["positions"]] == [None, None]
    (tmp_path / "text.txt").write_text("no log")
    ran = reach("snapshot", "binanceusdm", "--log", f"sqlite:///{tmp_path / 'text.txt'}")
    assert (ran.code, "is no SQLite database" in ran.err) == (2, True)


@pytest.mark.parametrize("keys", ["environment", "file"])
def test_where_a_venue_wants_a_passphrase_too_it_is_beside_the_keys(rulecap, venue, tmp_path, monkeypatch, keys):
    given = ()
    if keys == "file":
        for name in ("KEY", "SECRET"):
            monkeypatch.delenv(f"RULECAP_API_{name}")
        (tmp_path / "keys.json").write_text(json.dumps({"key": KEY, "secret": SECRET, "password": PASSWORD}))
        given = ("--keys", str(tmp_path / "keys.json"))
    else:
        monkeypatch.setenv("RULECAP_API_PASSWORD", PASSWORD)
    (tmp_path / "signal.json").write_text(json.dumps(SIGNAL))
    with Okx() as okx:
        okx.set_position("ETHUSDT", "SHORT", "2.4", "1942", leverage=3)
        signal = ("--signal", str(tmp_path / "signal.json"))
        ran = rulecap("eval", "--exchange", "okx", *signal, "--json", *given, "--url", okx.origin)
        answer = json.loads(ran.out)
        assert (ran.code, answer["ok"], answer["problems"]) == (0, True, [])
        okx.requests.clear()
        ran = rulecap("snapshot", "okx", "BTCUSDT", *given, "--url", okx.origin)
        assert (ran.code, "  ETHUSDT SHORT\n" in ran.out, "32309.99 × " in ran.out) == (0, True, True)
        assert PASSWORD not in ran.out + ran.err


def test_how_bars_and_keys_are_chosen(reach, venue, tmp_path, monkeypatch):
    monkeypatch.delenv("RULECAP_API_KEY")
    monkeypatch.delenv("RULECAP_API_SECRET")
    (tmp_path / "keys.json").write_text(json.dumps({"key": KEY, "secret": SECRET}))
    keys = ("--keys", str(tmp_path / "keys.json"))
    assert reach("snapshot", "binanceusdm", "BTCUSDT", *keys, "--bars", "20", "--timeframe", "15m").code == 0
    assert venue.asked("klines")[0].params["interval"] == "15m"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["BTCUSTD"], "unknown-symbol", "did you mean BTCUSDT?"),
        (["BTCUSDT", "--quote", "USDC"], "not-the-quote-currency", "settles in USDT"),
    ],
)
def test_an_exchange_that_gives_no_snapshot_is_not_fine_and_says_why(reach, arguments, code, said):
    ran = reach("snapshot", "binanceusdm", *arguments)
    assert (ran.code, ran.err) == (1, "")
    assert f"[{code}]" in ran.out
    assert said in ran.out
    answer = json.loads(reach("snapshot", "binanceusdm", *arguments, "--json").out)
    assert (answer["ok"], answer["problems"][0]["code"]) == (False, code)


def test_a_key_that_is_refused_is_not_fine_and_not_shown(reach, monkeypatch):
    monkeypatch.setenv("RULECAP_API_SECRET", "a-wrong-secret")
    ran = reach("eval", "--exchange", "binanceusdm", "--decision", "margin")
    assert ran.code == 1
    assert "[venue-auth]" in ran.out
    assert KEY not in ran.out + ran.err
    assert "a-wrong-secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snapshot", "binanecusdm"], "did you mean binanceusdm?"),
        (["snapshot", "Binance!"], "EXCHANGE: "),
        (["snapshot", "binanceusdm", "--bars", "1"], "--bars: "),
        (["snapshot", "binanceusdm", "--timeframe", "hour"], "--timeframe: "),
        (["snapshot", "binanceusdm", "--url", "ftp://x"], "--url: "),
        (["snapshot", "binanceusdm", "--keys", "absent.json"], "cannot read the keys in absent.json"),
        (["snapshot", "bitstamp", "--sandbox"], "no test environment"),
        (["snapshot"], "EXCHANGE"),
        (["eval", "snapshot.json", "--symbol", "BTCUSDT"], "--symbol: only with --exchange"),
        (["eval", "snapshot.json", "--sandbox"], "--sandbox: only with --exchange"),
        (["eval", "snapshot.json", "--exchange", "bybit"], "not both"),
        (["eval", "--exchange", "bybit", "--signal", "absent.json"], "cannot read absent.json"),
        (["eval"], "SNAPSHOT"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(folder, rulecap, arguments, said):
    ran = rulecap(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_one_half_of_a_key_is_a_usage_error(rulecap, monkeypatch):
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.delenv("RULECAP_API_SECRET", raising=False)
    ran = rulecap("snapshot", "binanceusdm")
    assert (ran.code, KEY in ran.err) == (2, False)
    assert "the secret is missing" in ran.err


@pytest.mark.parametrize("amount", ["-3000", "3000"])
def test_what_was_paid_in_or_out_since_the_last_record_is_no_profit_or_loss(reach, venue, tmp_path, amount):
    log = ("--log", f"sqlite:///{tmp_path / 'log.sqlite3'}")
    asked = ("eval", "--exchange", "binanceusdm", "--decision", "drawdown", "--record", "--json", *log)
    venue.set_wallet("10000")
    before = json.loads(reach(*asked).out)["outputs"]
    venue.deposit(amount)
    after = json.loads(reach(*asked).out)["outputs"]
    assert (before["drawdown_pct"], after["drawdown_pct"]) == (0.0, pytest.approx(0.0, abs=1e-9))
    assert after["peak_equity"] == pytest.approx(before["peak_equity"] + float(amount))
    told = json.loads(reach("snapshot", "binanceusdm", "--json", *log).out)
    assert told["account"]["net_deposits"] == float(amount)


@pytest.mark.parametrize("folder", [None, "kept"])
def test_an_entry_that_comes_late_into_the_ledger_counts_though_each_command_is_started_anew(
    reach, venue, tmp_path, folder
):
    log = ("--log", f"sqlite:///{tmp_path / 'log.sqlite3'}")
    if folder:
        (tmp_path / folder).mkdir()
        log += ("--deposits", str(tmp_path / folder))
    asked = ("eval", "--exchange", "binanceusdm", "--decision", "drawdown", "--record", "--json", *log)

    def paid():
        told = reach("snapshot", "binanceusdm", "--json", *log)
        return json.loads(told.out)["account"]["net_deposits"]

    venue.deposit("7000", at=venue.now() - 20_000)  # which the first record has in it, and the ledger not yet
    assert reach(*asked).code == 0
    assert paid() == 0
    venue.deposit("-300")
    venue.fault("v1/income", "then", 1, change=lambda _: [])
    assert reach(*asked).code == 0
    assert paid() == -300
    assert reach(*asked).code == 0
    assert [paid(), paid()] == [-300, -300]
    kept = [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*deposits-*")]
    assert kept == (["kept/deposits-binanceusdm"] if folder else ["log.sqlite3.deposits-binanceusdm"])


def test_what_puts_nothing_on_record_writes_nothing_beside_the_log(reach, venue, tmp_path):
    log = ("--log", f"sqlite:///{tmp_path / 'log.sqlite3'}")
    reach("eval", "--exchange", "binanceusdm", "--decision", "drawdown", "--record", "--json", *log)
    next(one for one in tmp_path.iterdir() if "deposits" in one.name).unlink()
    for command in (("snapshot", "binanceusdm"), ("eval", "--exchange", "binanceusdm", "--decision", "drawdown")):
        assert reach(*command, "--json", *log).code == 0
    assert not [one for one in tmp_path.iterdir() if "deposits" in one.name]


def test_a_log_that_names_no_file_is_a_usage_error(reach, venue):
    ran = reach("snapshot", "binanceusdm", "--log", "sqlite:///")
    assert (ran.code, "names no file" in ran.err) == (2, True)


def test_an_account_in_another_currency_has_a_name_and_a_memory_of_its_own(reach, rulecap, venue, tmp_path):
    venue.set_wallet("12000")
    hold_usdc(venue, "900")
    log = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    asked = ("eval", "--exchange", "binanceusdm", "--decision", "drawdown", "--record", "--log", log, "--json")
    told = [json.loads(reach(*asked, *quote).out) for quote in ((), ("--quote", "USDC"))]
    assert [one["outputs"]["state"] for one in told] == ["NORMAL", "NORMAL"]
    assert [one["outputs"]["drawdown_pct"] for one in told] == [0, 0]
    kept = sorted(one.name for one in tmp_path.glob("log.sqlite3.deposits-*"))
    assert kept == ["log.sqlite3.deposits-binanceusdm", "log.sqlite3.deposits-binanceusdm-USDC"]
    snapshot = json.loads(reach("snapshot", "binanceusdm", "--quote", "USDC", "--json", "--log", log).out)
    assert (snapshot["account"]["id"], snapshot["account"]["total_wallet_balance"]) == ("binanceusdm-USDC", 900)
