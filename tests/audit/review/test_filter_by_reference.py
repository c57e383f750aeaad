"""A filter means what the reference evaluator of the language says, on whatever condition and record."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.audit import open_log
from rulecap.audit.review.filter import Condition, Filter, Unknown, ask, written_expression
from rulecap.audit.review.selection import looking
from rulecap.engine.reference import case_names
from rulecap.language.reference import Reference
from rulecap.snapshot import Snapshot, read_snapshot

ATOMS = (
    "loss_pct > 5%",
    "used_pct / 2 <= loss_pct + 10%",
    "zone.name == FULL",
    "zone.name in [CALM, BUSY]",
    "zone.at(used_pct + 20%).name != zone.name",
    "stopped",
    "known(worst)",
    "default(worst.unrealized_pnl, 0 USD) < 0 USD",
    "count(positions) == 1",
    "sum(p.margin for p in positions if p.unrealized_pnl >= 0 USD) > 5 USD",
    "default(signal.market_regime, RANGING) == TRENDING",
    "memory.peak > equity",
    "hours_between(since, as_of) == 0h",
    "hour(as_of) == 1",
    "answer == REJECT",
    "min(equity, memory.peak) >= 990 USD",
    "as_percent(account.margin_used, equity) > 40%",
    "count(gate.reasons) > 0",
    "1 / (used_pct / loss_pct) > 0.1",
)
conditions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({}) {} ({})".format(*parts)),
        st.tuples(inner, inner, inner).map(lambda parts: "(({}) if ({}) else ({}))".format(*parts)),
    ),
    max_leaves=5,
)


def by_reference(policy, text, fields):
    """Return what the reference evaluator says on a record that has every value; none where it has no answer."""
    snapshot = read_snapshot(fields["snapshot"])
    assert isinstance(snapshot, Snapshot)

    def value_of(name):
        if name in fields["steps"]:
            return fields["steps"][name]
        if name in fields["outputs"]:
            return datetime.fromisoformat(fields["outputs"][name]) if name == "since" else fields["outputs"][name]
        return getattr(snapshot, name)

    reference = Reference(value_of, fields["memory"].__getitem__, case_names(policy), list)
    try:
        return bool(reference.value(written_expression(text).syntax))
    except ArithmeticError:
        return None


@given(data=st.data())
@settings(deadline=None)
def test_a_filter_holds_where_the_reference_evaluator_says_so(reviewed, data):
    with open_log(reviewed) as log, looking(log):
        text = data.draw(conditions)
        where = Filter(text, log)
        for stored in log.stored():
            fields = stored.record.fields
            if fields["decision"] != "position" or not fields["ok"] or fields["memory"] is None:
                continue
            digest = fields["policy"]["digest"]
            condition = where.condition(digest, "position")
            if not isinstance(condition, Condition):  # where a value is known by then, a default for it is refused
                assert {problem.code for problem in condition} == {"never-absent"}, (text, condition)
                continue
            meant = by_reference(log.policy(digest).typed, text, fields)
            if meant is None:
                with pytest.raises(Unknown):
                    ask(condition, fields)
            else:
                assert ask(condition, fields) == meant, text


def test_every_condition_of_these_is_true_of_some_records_and_false_of_others(log):
    """So that the property above compares something."""
    records = [one.record for one in log.stored() if one.record.fields["decision"] == "position"]
    for text in ATOMS:
        where = Filter(text, log)
        assert {where.holds(record) for record in records} == {True, False} or text.startswith("hours_between"), text
