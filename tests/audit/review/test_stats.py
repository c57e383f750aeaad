"""Statistics of records: verdicts over time, what bound how often, what was wrong."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.review.stats import Stats, stats_of
from tests.audit.review.made import JUDGED, everything, limits
from tests.written import policy, snapshot

LISTS_NONE = "left: none, made: none"


class TestStatistics:
    @pytest.fixture
    def stats(self, log):
        return stats_of(log, log.kinds(), everything(log), timedelta(hours=1)).to_dict()

    def test_count_verdicts_by_stretch_and_decision(self, log, stats):
        expected = Counter(
            (stored.record.fields["time"][:13], stored.record.fields["decision"], stored.record.fields["verdict"])
            for stored in log.stored()
        )
        assert {
            (one["time"][:13], one["decision"], one["verdict"]): one["count"] for one in stats["verdicts"]
        } == expected
        assert stats["records"] == 160

    def test_count_which_check_fired_and_which_decided(self, log, stats):
        reasons = [stored.record.fields["steps"].get("gate", {"reasons": []})["reasons"] for stored in log.stored()]
        fired = Counter(reason["check"] for some in reasons for reason in some)
        assert {one["check"]: one["fired"] for one in stats["checks"]} == fired
        assert all(one["fired"] == one["decided"] for one in stats["checks"])

    def test_begin_weeks_on_mondays_and_days_at_midnight(self, log):
        for every, begun in [(timedelta(weeks=1), "2026-02-23"), (timedelta(days=1), "2026-03-01")]:
            told = stats_of(log, log.kinds(), everything(log), every).to_dict()
            assert {one["time"] for one in told["verdicts"]} == {f"{begun}T00:00:00Z"}

    def test_count_how_often_and_how_much_a_step_changed_the_number(self, log, stats):
        made = [one for stored in log.stored() for one in stored.record.fields["outputs"].get("made", [])]
        losing = [one["to"] / one["from"] - 1 for one in made if one["name"] == "losing"]
        shown = next(one for one in stats["adjustments"] if one["step"] == "losing")
        assert shown["changed"] == len(losing)
        assert shown["median_change"] == pytest.approx(-0.5)
        largest = next(one for one in stats["adjustments"] if one["step"] == "largest")
        record = log.record(largest["record"]).fields
        change = next(one for one in record["outputs"]["made"] if one["name"] == "largest")
        assert largest["largest_change"] == change["to"] / change["from"] - 1

    def test_count_what_was_wrong_with_inputs(self, log, stats):
        """Records, however often one has a problem."""
        codes = [{one["code"] for one in stored.record.fields["problems"]} for stored in log.stored()]
        counted = {one["code"]: one["count"] for one in stats["problems"]}
        assert counted == Counter(code for some in codes for code in some)
        assert max(len(stored.record.fields["problems"]) for stored in log.stored()) > 1

    def test_list_what_is_equally_frequent_by_name(self):
        """And not as a set of texts happens to be ordered, which is another order in each process."""
        told = Stats(problems=Counter({"b": 1, "a": 1, "c": 2})).to_dict()
        assert [one["code"] for one in told["problems"]] == ["c", "a", "b"]

    @pytest.mark.parametrize("listed", [True, False])
    def test_are_what_a_hand_counts(self, tmp_path, listed):
        text = JUDGED.replace("left: left", "left: left, made: adjustments(bet)").replace("left: none", LISTS_NONE)
        url, judged = f"sqlite:///{tmp_path / 'log.sqlite3'}", policy(text if listed else JUDGED)
        with open_ledger(url) as ledger:
            amounts = [(0, 1), (10, 1), (40, 1), (80, 1), (90, 1), (5, 1), (4, 1), (80, 0), ("x", "x"), (None, None)]
            for margin, balance in amounts:
                account = {"margin_used": margin, "available_balance": balance}
                ledger.evaluate(judged, snapshot(account=account), "answer")
        with open_log(url) as log:
            assert [bool(one.record.fields["ok"]) for one in log.stored()] == [True] * 7 + [False] * 3
            told = stats_of(log, log.kinds(), everything(log), timedelta(days=1)).to_dict()
            codes = [[one["code"] for one in stored.record.fields["problems"]] for stored in log.stored()]
        checks = [(one["check"], one["fired"], one["decided"]) for one in told["checks"]]
        assert checks == [("some", 5, 2), ("much", 3, 3)]
        steps = [
            (one["step"], one["changed"], one["median_change"], one["largest_change"], one["record"])
            for one in told["adjustments"]
        ]
        # From nothing there is no share. What a refused decision came to before it failed is no change of anything.
        assert steps == [
            ("least", 4, 3.0, 4.0, 7),
            ("halved", 2, -0.5, -0.5, 4),
        ]
        counts = Counter(code for some in codes for code in set(some))
        assert [(one["code"], one["count"]) for one in told["problems"]] == sorted(
            counts.items(), key=lambda one: (-one[1], one[0])
        )

    def test_of_a_policy_that_lists_no_adjustments_come_from_evaluating_again(self, tmp_path):
        folder = tmp_path / "quiet"
        policy = limits(folder)
        text = (folder / "policy.yaml").read_text().replace("made: adjustments(bet), ", "").replace("made: [], ", "")
        (folder / "policy.yaml").write_text(text)
        policy = load_policy(folder)
        account = {
            "id": "a",
            "total_wallet_balance": 1000,
            "available_balance": 1,
            "margin_used": 0,
            "unrealized_pnl": 0,
        }
        given = {"as_of": "2026-01-01T00:00:00Z", "account": account, "signal": {"symbol": "X"}}
        with open_ledger(f"sqlite:///{tmp_path / 'log.sqlite3'}") as ledger:
            ledger.evaluate(policy, given)
        with open_log(f"sqlite:///{tmp_path / 'log.sqlite3'}") as log:
            (one,) = stats_of(log, log.kinds(), everything(log), timedelta(days=1)).to_dict()["adjustments"]
        assert (one["step"], one["changed"], one["largest_change"]) == ("largest", 1, -0.25)

    def test_count_the_rules_that_a_decision_computes_and_does_not_list(self, tmp_path):
        """The default policy lists the adjustments of three of its four rules."""
        url, policy = f"sqlite:///{tmp_path / 'log.sqlite3'}", load_policy("default")
        given = Path("policies/default/examples/sushi_recorded.json").read_bytes()
        decided = policy.evaluate(given)
        listed = {one["rule"] for one in decided.outputs["adjustments"]}
        made = Counter(
            (step["rule"], one["name"])
            for step in decided.trace.steps
            if step["kind"] == "adjust"
            for one in step["detail"]["steps"]
            if one["applies"] and one["from"] != one["to"]
        )
        assert listed < {rule for rule, _ in made}
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, given)
        with open_log(url) as log:
            told = stats_of(log, log.kinds(), everything(log), timedelta(days=1)).to_dict()["adjustments"]
        assert {(one["rule"], one["step"]): one["changed"] for one in told} == made
