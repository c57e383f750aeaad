"""The specification's integration code, as it stands in docs/integration.md, runs."""

import ast
import asyncio
import logging
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.clock import now
from rulecap.service import CapitalOrchestrator, DemoSource, DynamicCapitalManager, MarginMonitor
from rulecap.service.bodies import Recommendation
from rulecap.service.demo import read_recording, shipped_recording
from rulecap.service.facade import SignalFields, margin_of
from rulecap.service.sources import Lacking, SourceError, UnknownSymbol
from rulecap.service.venue import exchange_source
from rulecap.snapshot import Snapshot
from tests.service.conftest import ROOT
from tests.service.test_capital import trades
from tests.service.told import SPECIFIED, demo_told, told_of

DESK = "language: 1\nextends: default\npolicy: desk\nversion: 1.0.0\nset: {kelly_share: 0.5}\n"


def blocks():
    """Return the Python of the document: what builds the objects, then the specification's two pieces."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs/integration.md").read_text(), re.DOTALL)


def run(code, names):
    """Run code that awaits at its top, as the specification writes it."""
    compiled = compile(code, "integration.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(compiled, names)
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Return what the code finds around it."""
    monkeypatch.chdir(tmp_path)
    said = []

    async def execute_trade(*order):
        said.append(("trade", *order))

    async def emergency_close_worst_positions():
        said.append(("emergency",))

    def sleep(seconds):
        said.append(("sleep", seconds))
        raise asyncio.CancelledError

    logger = SimpleNamespace(
        info=lambda text: said.append(("info", text)), warning=lambda text: said.append(("warning", text))
    )
    given = {
        "said": said,
        "execute_trade": execute_trade,
        "emergency_close_worst_positions": emergency_close_worst_positions,
        "logger": logger,
        "symbol": "BTCUSDT",
        "asyncio": SimpleNamespace(sleep=sleep),
        "logging": logging,
    }
    exec(blocks()[0], given)
    opened = given["capital_orchestrator"], given["dynamic_capital_manager"]  # a test may put another one in its place
    yield given
    for one in opened:
        one.close()


def test_a_trade_is_asked_for_before_it_is_opened(names):
    run(blocks()[1], names)
    assert names["said"] == [("trade", "BTCUSDT", 0.003, 5.0, "LIMIT")]


@pytest.mark.parametrize("name", [None, "grid-bot"])
def test_the_bot_s_name_is_on_record_where_it_gives_one(tmp_path, name):
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    objects = [CapitalOrchestrator(DemoSource(), log=url, asked_by=name)]
    objects.append(DynamicCapitalManager(DemoSource(), log=url, asked_by=name))
    asyncio.run(objects[0].get_position_recommendation(**SPECIFIED))
    asyncio.run(objects[1].get_capital_state())
    for one in objects:
        one.close()
    with open_log(url) as log:
        assert [one.record.fields["asked_by"] for one in log.stored()] == [name] * 2


def test_the_account_is_looked_at_every_thirty_seconds(names):
    with pytest.raises(asyncio.CancelledError):
        run(blocks()[2], names)
    assert names["said"] == [("sleep", 30)]


def test_the_red_zone_closes_the_worst_positions(names):
    recorded = read_recording(shipped_recording())
    account = recorded.account.model_copy(update={"margin_used": 4500.0, "available_balance": 500.0})
    source = DemoSource(recorded.model_copy(update={"account": account}))
    names["dynamic_capital_manager"] = DynamicCapitalManager(source)
    with pytest.raises(asyncio.CancelledError):
        run(blocks()[2], names)
    assert names["said"] == [("emergency",), ("sleep", 30)]


def test_a_bot_s_gate_enters_by_record_reloads_and_keeps_the_last_good_policy(names, tmp_path, caplog):
    run(blocks()[3], names)
    (tmp_path / "desk.yaml").write_text(DESK)
    gate = names["Gate"](str(tmp_path / "desk.yaml"), "sqlite:///gate.sqlite3")
    snapshot = (ROOT / "policies/default/examples/sushi_recorded.json").read_bytes()
    assert gate.entry(snapshot) == 19.0
    assert gate.entry({}) == 0.0
    assert "gate.sqlite3" not in caplog.text
    assert "account: is missing [missing-field]" in caplog.text
    (tmp_path / "desk.yaml").write_text(DESK.replace("0.5", "50%"))
    assert gate.reload() == "1.0.0"
    assert "write 0.5" in caplog.text
    (tmp_path / "desk.yaml").write_text(DESK.replace("1.0.0", "1.1.0"))
    assert gate.reload() == "1.1.0"
    gate.close()
    assert gate.entry(snapshot) == 0.0
    with open_log("sqlite:///gate.sqlite3") as log:
        assert log.head().size == 2


def test_a_hold_is_told_as_a_rejection(names):
    (trade,) = [one for one in trades() if one["name"].startswith("large")]
    source = told_of(trade["snapshot"])
    signal = dict(trade["snapshot"]["signal"])
    asked = {**signal, "signal_score": signal.pop("score"), "expected_return_pct": 3.0}
    del asked["score"]
    told = asyncio.run(CapitalOrchestrator(source).get_position_recommendation(**asked))
    assert told["recommendation"] == "REJECT"
    assert told["reason"].startswith("HOLD: a score")


def test_what_cannot_be_read_raises(names):
    source = told_of(trades()[0]["snapshot"])
    with pytest.raises(UnknownSymbol):
        asyncio.run(CapitalOrchestrator(source).get_position_recommendation(**{**SPECIFIED, "symbol": "NOPE"}))
    source.failure = SourceError("venue-down", "the venue does not answer")
    with pytest.raises(SourceError, match="does not answer"):
        asyncio.run(DynamicCapitalManager(source).get_capital_state())


def unread(source):
    """Have the source tell no market, and the account all the same."""

    async def market(symbol):
        raise SourceError("venue-down", "the venue tells no book")

    source.market = market
    return source


def test_an_entry_in_a_market_that_cannot_be_read_is_rejected_with_the_reason():
    told = asyncio.run(CapitalOrchestrator(unread(demo_told())).get_position_recommendation(**SPECIFIED))
    assert (told["recommendation"], told["quantity"]) == ("REJECT", 0)
    assert "the venue tells no book" in told["reason"]
    assert [one["code"] for one in told["problems"]] == ["missing-input", "venue-down"]


REDUCTION = {"symbol": "ETHUSDT", "side": "SELL", "reduce_only": True, "quantity": 0.01}


@pytest.mark.parametrize("logged", [True, False])
@pytest.mark.parametrize(
    "lacking",
    [
        Lacking(doubt=SourceError("deposits-unknown", "no ledger")),
        Lacking(untold=SourceError("position-untold", "no price")),
        Lacking(unsure=SourceError("mode-unknown", "no mode")),
    ],
)
def test_of_an_account_that_is_not_whole_a_reduction_is_answered_and_nothing_else(tmp_path, lacking, logged):
    source, url = demo_told(), f"sqlite:///{tmp_path / 'log.sqlite3'}" if logged else None
    whole, why = source.account, lacking.why

    async def account():
        return replace(await whole(), lacking=lacking)

    source.account = account
    orchestrator, manager = CapitalOrchestrator(source, log=url), DynamicCapitalManager(source, log=url)
    told = asyncio.run(orchestrator.get_position_recommendation(**REDUCTION))
    assert (told["recommendation"], told["quantity"], told["decision_id"]) == ("ENTER", 0.01, None)
    assert [(one["code"], one["severity"]) for one in told["problems"]] == [(why.code, "warning")]
    told = asyncio.run(orchestrator.get_position_recommendation(**SPECIFIED))
    assert (told["recommendation"], told["reason"], told["decision_id"]) == ("REJECT", str(why), None)
    unseen = asyncio.run(orchestrator.get_position_recommendation(**{**REDUCTION, "symbol": "BTCUSDT"}))
    said = str(why) if lacking.untold else "nothing to reduce: no LONG position is open in BTCUSDT"
    assert (unseen["recommendation"], unseen["reason"]) == ("REJECT", said)
    with pytest.raises(SourceError, match=str(why)):
        asyncio.run(manager.get_capital_state())
    for one in (orchestrator, manager):
        one.close()


@pytest.mark.parametrize(
    ("percent", "zone"),
    [(0, "GREEN_ZONE"), (50, "YELLOW_ZONE"), (75, "ORANGE_ZONE"), (90, "RED_ZONE"), (130, "RED_ZONE")],
)
@pytest.mark.parametrize("wallet", [0.07, 3, 1234.56, 98765.43])
def test_a_share_on_a_boundary_is_in_the_zone_that_begins_there(percent, zone, wallet):
    told = MarginMonitor().analyze_margin_status(percent, -5.0, wallet)
    assert told["zone"] == zone
    assert 100.0 * margin_of(percent, wallet) / wallet >= percent


def test_without_a_wallet_any_margin_is_the_worst_case():
    assert MarginMonitor().analyze_margin_status(1.0, -5.0, 0.0)["zone"] == "RED_ZONE"
    assert MarginMonitor().analyze_margin_status(0.0, 0.0, 0.0)["zone"] == "GREEN_ZONE"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"win_rate": 58}, "win_rate must be at most 1, got 58"),
        ({"signal_score": float("nan")}, "signal_score must be a finite number, got nan"),
        ({"side": "buy"}, "side must be 'BUY' or 'SELL', got the text 'buy'"),
        ({"leverage": 3}, "leverage is no field of a request here"),
        ({"symbol": None}, "symbol must be a text, got nothing (null)"),
    ],
)
def test_a_signal_that_is_none_is_rejected_in_words(wrong, told):
    answer = asyncio.run(CapitalOrchestrator(DemoSource()).get_position_recommendation(**{**SPECIFIED, **wrong}))
    assert (answer["recommendation"], answer["quantity"], answer["reason"]) == ("REJECT", 0, told)
    assert answer["decision_id"] is None
    assert [one["path"] for one in answer["problems"]] == [next(iter(wrong))]


def test_what_the_policy_refuses_is_told_with_what_is_wrong():
    asked = {**SPECIFIED, "market_regime": "BULL"}
    answer = asyncio.run(CapitalOrchestrator(DemoSource()).get_position_recommendation(**asked))
    assert answer["recommendation"] == "REJECT"
    assert [one["code"] for one in answer["problems"]] == ["not-allowed"]
    assert answer["reason"].startswith("signal.market_regime must be one of")


def test_numbers_and_flags_of_numpy_are_what_they_are_and_its_true_is_no_number():
    numpy = pytest.importorskip("numpy")
    table = {"signal_score": numpy.int64(75), "win_rate": numpy.float64(0.58), "trades": numpy.int64(120)}
    orchestrator = CapitalOrchestrator(DemoSource())
    asked = {**SPECIFIED, **table, "reduce_only": numpy.bool_(False)}
    assert asyncio.run(orchestrator.get_position_recommendation(**asked))["recommendation"] == "ENTER"
    told = asyncio.run(orchestrator.get_position_recommendation(**{**SPECIFIED, "win_rate": numpy.bool_(True)}))
    assert (told["recommendation"], told["reason"]) == ("REJECT", "win_rate must be a number, got true")
    monitor = MarginMonitor()
    assert monitor.analyze_margin_status(numpy.float32(95), numpy.int64(-5), numpy.int32(5000))["zone"] == "RED_ZONE"
    with pytest.raises(ValueError, match="margin_used_pct must be a finite number, got true"):
        monitor.analyze_margin_status(numpy.bool_(True), -5.0, 5000.0)


@pytest.mark.parametrize("figures", [(95.0, 0.0, 1e308), (1e308, 0.0, 1e308)])
def test_figures_that_are_too_large_raise_in_words(figures):
    with pytest.raises(ValueError, match=r"^no zone follows from these figures: they are too large$"):
        MarginMonitor().analyze_margin_status(*figures)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "16", None, True, 10**400])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_no_zone_is_told_of_figures_that_are_none(which, wrong):
    figures = [16.0, -50.0, 5000.0]
    figures[which] = wrong
    with pytest.raises(ValueError, match="must be a finite number, got"):
        MarginMonitor().analyze_margin_status(*figures)


def test_figures_from_which_no_zone_follows_raise():
    """A loop that compares the zone with the red one would have gone on."""
    with pytest.raises(ValueError, match=r"no zone follows from these figures: .*not a finite number"):
        MarginMonitor().analyze_margin_status(-1e308, 0.0, 5000.0)


def test_what_a_signal_may_say_is_what_a_request_may():
    """Tools that check types know by it what a bot may hand in."""
    assert {"symbol", *SignalFields.__annotations__} == set(Recommendation.model_fields)


def test_one_object_serves_one_loop_after_another():
    orchestrator = CapitalOrchestrator(DemoSource())
    for _ in range(3):
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(orchestrator.get_position_recommendation(**SPECIFIED), 0))
        assert asyncio.run(orchestrator.get_position_recommendation(**SPECIFIED))["recommendation"] == "ENTER"


def test_each_question_is_about_the_account_as_it_is_now_and_on_record_where_there_is_a_log(tmp_path):
    source, url = demo_told(), f"sqlite:///{tmp_path / 'log.sqlite3'}"
    manager = DynamicCapitalManager(source, log=url)

    async def ask():
        first = await manager.get_capital_state()
        source.change(total_wallet_balance=first["total_wallet_balance"] / 2)
        return first, await manager.get_capital_state()

    first, second = asyncio.run(ask())
    manager.close()
    assert second["total_wallet_balance"] == first["total_wallet_balance"] / 2
    with open_log(url) as log:
        assert [log.find(told["decision_id"]) is not None for told in (first, second)] == [True, True]


def test_an_exchange_s_deposits_are_counted_on_from_what_is_on_record(tmp_path):
    """Else what was paid in before would be a profit, and what was paid out a loss that closes positions."""
    pytest.importorskip("ccxt")
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    source = exchange_source({"venue": "binanceusdm"})
    account = asyncio.run(demo_told().account()).account.model_copy(update={"id": source.account_name})
    figures = account.model_copy(update={"net_deposits": 500.0})
    with open_ledger(url) as ledger:
        ledger.evaluate(load_policy("default"), Snapshot(as_of=now(), account=figures), "state")
    manager = DynamicCapitalManager(source, log=url)
    manager.close()
    assert source._counting.known.net == 500
    asyncio.run(source.close())
