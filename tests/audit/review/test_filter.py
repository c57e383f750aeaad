"""Filters: the policy's own language over records, checked like a policy, never silently skipping a record."""

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.review.filter import Filter, Unaskable, compiled, filter_on
from rulecap.audit.review.finding import found, way_of
from rulecap.audit.review.selection import Selection
from tests.written import policy, snapshot

# What each filter means, in plain Python over the record's fields.
MEANINGS = {
    "loss_pct > 5%": lambda one: one["steps"]["loss_pct"] > 5,
    "zone.name == FULL or used_pct < 10%": lambda one: (
        one["steps"]["zone"]["name"] == "FULL" or one["steps"]["used_pct"] < 10
    ),
    "zone.name in [CALM, BUSY]": lambda one: one["steps"]["zone"]["name"] in ("CALM", "BUSY"),
    "stopped": lambda one: one["steps"]["stopped"],
    "not stopped and signal.score >= 50": lambda one: (
        not one["steps"]["stopped"] and one["snapshot"]["signal"]["score"] >= 50
    ),
    "memory.peak > equity": lambda one: one["memory"]["peak"] > one["steps"]["equity"],
    "account.margin_used > 500 USD": lambda one: one["snapshot"]["account"]["margin_used"] > 500,
    "known(worst) and worst.unrealized_pnl < 0 USD": lambda one: (
        one["steps"]["worst"] is not None and one["steps"]["worst"]["unrealized_pnl"] < 0
    ),
    "count(positions) == 1": lambda one: len(one["snapshot"]["positions"]) == 1,
    "hour(as_of) == 1": lambda one: one["snapshot"]["as_of"][11:13] == "01",
    "answer == REJECT": lambda one: one["outputs"]["answer"] == "REJECT",
    "since == as_of": lambda one: bool(one["outputs"]["since"][0]),
    "used_pct > zone.BUSY.from": lambda one: one["steps"]["used_pct"] > 50,
    "signal.market_regime != RANGING": lambda one: one["snapshot"]["signal"]["market_regime"] != "RANGING",
    "default(signal.market_regime, RANGING) == RANGING": lambda one: (
        one["snapshot"]["signal"].get("market_regime", "RANGING") == "RANGING"
    ),
    "band.name != FULL": lambda one: one["outputs"]["band"]["name"] != "FULL",
    "bet != 0 USD": lambda one: one["outputs"]["bet"] != 0 if one["ok"] else one["steps"]["bet"],
    "reason != ''": lambda one: {"reason": one["outputs"]["reason"]}["reason"] + "" != "",
    "count(w.share for w in sizes if w.share > 1%) == 1": lambda one: (
        len([w for w in one["outputs"]["sizes"] if w["share"] > 1]) == 1
    ),
    "default(worst_one.unrealized_pnl, 0 USD) < 0 USD": lambda one: (
        one["ok"] and one["outputs"]["worst_one"] is not None and one["outputs"]["worst_one"]["unrealized_pnl"] < 0
    ),
}
# What refused evaluations answer too.
ANSWERED = (
    "answer == REJECT",
    "count(w.share for w in sizes if w.share > 1%) == 1",
    "default(worst_one.unrealized_pnl, 0 USD) < 0 USD",
)


def expected(stored, meaning):
    """Return whether a record is meant; none where it has no such value."""
    try:
        return bool(meaning(stored.record.fields))
    except (KeyError, TypeError):
        return None


@pytest.mark.parametrize("text", MEANINGS)
def test_a_filter_finds_what_it_says_and_counts_what_it_cannot_be_asked_of(log, text):
    where = Filter(text, log)
    records = [stored for stored in log.stored() if stored.record.fields["decision"] == "position"]
    meant = [expected(stored, MEANINGS[text]) for stored in records]
    assert [where.holds(stored.record) for stored in records] == [bool(one) for one in meant]
    assert (where.matched, where.failed, where.unknown) == (meant.count(True), meant.count(False), meant.count(None))
    assert where.unfit == {}
    assert where.matched or text == "hour(as_of) == 1"
    assert bool(where.unknown) == (text not in ANSWERED)


NESTED = """\
language: 1
policy: nested
version: 1.0.0
title: Outputs within outputs
decisions:
  position:
    title: How much?
    requires: [signal.score]
    outputs: {plain: plain, made: {size: size, of: {score: signal.score, label: band.name}}}
    on_error: {plain: 0 USD, made: {size: none, of: {score: none, label: none}}}
rules:
  plain: {kind: formula, unit: USD, formula: account.margin_used}
  size: {kind: formula, unit: USD, formula: account.total_wallet_balance}
  band: {kind: bands, of: account.margin_used, cases: [{name: LITTLE, below: 50 USD}, {name: MUCH}]}
"""


@pytest.mark.parametrize(("text", "held", "unknown"), [
    ("made.size > 500 USD", [True, False], 1),
    ("default(made.of.score, 0) >= 70", [False, True], 1),
    ("made.of.label == MUCH and made.size > 1 USD", [True, True], 1),
    ("made.of.label != LITTLE", [True, True], 1),
    ("made.of.label == LITTLE", [False, False], 1),
])  # fmt: skip
def test_asks_an_output_within_an_output_by_its_path(tmp_path, text, held, unknown):
    """What a refusal has as `none` there is known to be neither this nor unlike it."""
    (tmp_path / "policy.yaml").write_text(NESTED)
    policy, url = load_policy(tmp_path), f"sqlite:///{tmp_path / 'log.sqlite3'}"
    with open_ledger(url) as ledger:
        for number, (wallet, score) in enumerate(((1000, 60), (400, 80), (400, None)), 1):
            account = {"id": "main", "total_wallet_balance": wallet, "available_balance": 1, "margin_used": 100,
                       "unrealized_pnl": 0}  # fmt: skip
            signal = {"symbol": "BTCUSDT"} | ({"score": score} if score else {})
            ledger.evaluate(policy, {"as_of": f"2026-03-01T00:0{number}:00Z", "account": account, "signal": signal})
    with open_log(url) as log:
        where = Filter(text, log)
        assert [where.holds(stored.record) for stored in log.stored()] == [*held, False]
        assert (where.unknown, where.unfit) == (unknown, {})


WRITTEN = """\
parameters:
  most:
    unit: USD
    values: [{from: 2026-01-01, is: 150 USD}, {from: 2026-03-01, is: 90 USD}]
rules:
  tier:
    kind: bands
    of: account.margin_used
    cases: [{name: SMALL, below: 95 USD, takes: any}, {name: LARGE, takes: [BTC, ETH]}]
decisions:
  answer:
    outputs: {tier: tier.name, gone: none, most: account.margin_used > most, positions: tier.name}
    on_error: {tier: none, gone: none, most: none, positions: none}
"""


@pytest.mark.parametrize(("text", "held"), [
    ("account.margin_used > most", [None, False, True, True]),
    ("most == 150 USD", [None, True, False, False]),
    ("DOGE in tier.takes", [None, True, True, False]),
    ("ETH in tier.takes and ANY not in tier.takes", [None, False, False, True]),
    ("known(gone)", [False, False, False, False]),
    ("count(positions) == 0", [True, True, True, True]),
])  # fmt: skip
def test_asks_what_was_in_force_and_of_any_and_of_none(tmp_path, text, held):
    """Of a parameter's values, the one at the record's time; before the first one nothing is known.

    An output that is called like a parameter or a part of the snapshot is not what is meant.
    """
    url, asked = f"sqlite:///{tmp_path / 'log.sqlite3'}", policy(WRITTEN)
    with open_ledger(url) as ledger:
        for day, margin in (("2025-12-01", 90), ("2026-02-28", 94), ("2026-03-01", 94), ("2026-03-02", 96)):
            given = {**snapshot(account={"margin_used": margin}), "as_of": f"{day}T00:00:00Z"}
            ledger.evaluate(asked, given, "answer")
    with open_log(url) as log:
        where = Filter(text, log)
        assert [where.holds(stored.record) for stored in log.stored()] == [bool(one) for one in held]
        assert (where.unknown, where.unfit) == (held.count(None), {})


def test_a_slip_within_an_output_is_named(tmp_path):
    (tmp_path / "policy.yaml").write_text(NESTED)
    (problem,) = compiled("made.sise > 1 USD", load_policy(tmp_path).typed, "position")
    assert "size" in f"{problem.message} {problem.hint}"


def test_a_filter_that_means_nothing_for_a_decision_counts_its_records(log):
    where = Filter("answer == REJECT", log)
    way = way_of(log, Selection())
    states = [stored for stored in log.stored() if stored.record.fields["answered_by"] == "state"]
    hits = list(found(log, way, where))
    assert {stored.record.fields["decision"] for stored in hits} == {"position"}
    assert sum(where.unfit.values()) == len(states)
    assert {decision for _, decision in where.unfit} == {"state"}


@pytest.mark.parametrize("text", ["band.name != FULL", "band.name not in [FULL]", "signal.market_regime != RANGING"])
def test_what_has_no_value_is_unlike_nothing(log, text):
    """A refusal's outputs are none, a signal may be without a regime: these are not known to differ."""
    where = Filter(text, log)
    for stored in log.stored():
        fields = stored.record.fields
        if where.holds(stored.record):
            assert fields["ok"]
            assert fields["snapshot"]["signal"].get("market_regime") or "regime" not in text
    assert where.unknown > 4


def test_says_what_is_wrong_with_it_for_those_that_it_could_not_be_asked_of(log):
    where = Filter("answer == REJECT", log)
    list(found(log, way_of(log, Selection()), where))
    told = where.untold()
    assert (told["unknown"], {one["decision"] for one in told["unfit"]}) == (0, {"state"})
    assert all([one["code"] for one in part["problems"]] == ["unknown-name"] for part in told["unfit"])


@pytest.mark.parametrize(("text", "code", "column", "hint"), [
    ("loss_pct > 0.05", "wrong-unit", 12, "write 0.05%"),
    ("los_pct > 5%", "unknown-name", 1, "did you mean loss_pct?"),
    ("zone.name == FULLL", "unknown-name", 14, "did you mean FULL?"),
    ("loss_pct", "wrong-type", 1, "compare it with something"),
    ("worst.margin > 5 USD", "optional-not-discharged", 1, ""),
    ("loss_pct >", "not-an-expression", None, ""),
    ("__import__('os')", "unknown-function", None, ""),
    ("().__class__", "not-allowed-here", None, ""),
    ("", "not-an-expression", None, ""),
    ("memory.pek > 5 USD", "unknown-name", 1, "did you mean peak?"),
])  # fmt: skip
def test_what_is_wrong_is_named_at_its_place(log, text, code, column, hint):
    kind = next(iter(log.kinds().values()))
    problems = compiled(text, log.policy(kind.digest).typed, "position")
    assert isinstance(problems, list)
    first = problems[0]
    assert first.location.file == "--where"
    assert hint in first.hint
    if column is not None:
        assert (first.code, first.location.column) == (code, column)


@pytest.mark.parametrize(("text", "said"), [
    ("since > 5", "since is a time"),
    ("answer == 5", "answer is a name"),
    ("band == FULL", "band is a case"),
])  # fmt: skip
def test_what_is_wrong_is_said_by_a_decision_that_knows_the_names(log, text, said):
    """Of the others only that nothing is called so, which is no help."""
    kinds = log.kinds()
    for order in (sorted(kinds), sorted(kinds, reverse=True)):
        renumbered = {place: kinds[number] for place, number in enumerate(order)}
        with pytest.raises(Unaskable) as raised:
            filter_on(text, log, renumbered)
        assert said in raised.value.problems[0].message


def test_what_a_name_of_nothing_is_compared_with_is_looked_at_once(tmp_path):
    """Looked at twice, it is told twice, and within others of its kind 2, 4, 8 … times: a short text takes hours."""
    (tmp_path / "policy.yaml").write_text(NESTED)
    text = "missing"
    for _ in range(8):
        text = f"abs({text} == nobody) == nobody"
    told = compiled(f"abs({text}) in [nobody, nowhere]", load_policy(tmp_path).typed, "position")
    assert isinstance(told, list)
    assert len(told) == len({(one.code, one.message, one.location) for one in told})
