"""What records say together: statistics, history, exports, proofs."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.clock import EPOCH
from rulecap.audit.merkle import leaf_hash, verify_inclusion
from rulecap.audit.record import Record
from rulecap.audit.review import export
from rulecap.audit.review.export import columns, harmless, write_csv, write_jsonl, write_parquet
from rulecap.audit.review.finding import found, way_of
from rulecap.audit.review.history import State, account_of, history_of, policy_of
from rulecap.audit.review.moments import Span
from rulecap.audit.review.picture import draw, drawn
from rulecap.audit.review.proof import proof_of
from rulecap.audit.review.selection import Selection, Unselectable, kinds_of
from rulecap.audit.review.stats import Stats, stats_of
from tests.audit.review.made import START, limits
from tests.written import policy, snapshot


def everything(log, selection=None):
    return found(log, way_of(log, selection or Selection(), newest_first=False))


# What a position in 10 USD of margin or more is asked about; it fails where nothing is left in the account.
JUDGED = """\
rules:
  bet:
    kind: adjust
    unit: USD
    start: account.margin_used
    steps:
      - {name: least, at_least: 20 USD}
      - {name: halved, times: 0.5, when: account.margin_used > 50 USD}
  gate:
    kind: checks
    order: [FINE, LESS, STOP]
    checks:
      - {name: some, if: account.margin_used >= 10 USD, verdict: LESS, why: some is used}
      - {name: much, if: account.margin_used >= 80 USD, verdict: STOP, why: much is used}
  left: {kind: formula, unit: ratio, formula: account.margin_used / account.available_balance}
decisions:
  answer:
    outputs: {verdict: gate.verdict, bet: bet, left: left}
    verdict: verdict
    on_error: {verdict: STOP, bet: 0 USD, left: none}
"""
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


class TestHistory:
    @pytest.fixture
    def history(self, log):
        kinds = kinds_of(log, Selection(accounts=("main",)))
        return history_of(everything(log, Selection(accounts=("main",))), "main", policy_of(log, kinds))

    def test_has_each_time_once_in_order_with_what_was_seen(self, log, history):
        rows = list(history.rows())
        seen = {
            stored.record.fields["snapshot"]["as_of"]: stored.record.fields["steps"]["equity"]
            for stored in log.stored()
            if stored.record.fields["account"] == "main" and stored.record.fields["ok"]
        }
        assert {row["time"]: row["equity"] for row in rows} == seen
        assert [row["time"] for row in rows] == sorted(seen)
        assert list(rows[0]) == ["time", "record", "equity", "peak", "used", "margin state", "stop stopped"]

    def test_keeps_the_last_of_each_stretch(self, log, history):
        policy = policy_of(log, kinds_of(log, Selection(accounts=("main",))))
        hourly = history_of(everything(log, Selection(accounts=("main",))), "main", policy, timedelta(hours=1))
        last = {}
        for row in history.rows():
            last[row["time"][:13]] = row["equity"]
        assert [row["equity"] for row in hourly.rows()] == list(last.values())

    def test_has_what_the_last_lacks_from_before_it_in_whatever_order_they_were_recorded(self, tmp_path):
        """By the snapshots' times: the state of 00:05 says nothing of being stopped, the decision at 00:03 does."""
        url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
        old, new = limits(tmp_path / "old"), limits(tmp_path / "new", version="1.1.0")
        with open_ledger(url) as ledger:
            for minute, asked, decision, balance in [
                (5, new, "state", 1000),
                (3, old, "position", 900),
                (9, old, "position", 0),
                (4, new, "state", 1000),
            ]:
                given = snapshot(account={"total_wallet_balance": balance, "unrealized_pnl": 0}, signal={"symbol": "X"})
                ledger.evaluate(asked, {**given, "as_of": f"2026-03-01T00:0{minute}:00Z"}, decision)
        with open_log(url) as log:
            records = list(log.stored())
            typed = log.policy(new.digest).typed
        assert [one.record.fields["ok"] for one in records] == [True, True, False, True]
        assert "equity" in records[2].record.fields["steps"]
        for some in (records, records[::-1]):
            told = history_of(some, "demo", typed, timedelta(hours=1))
            (row,) = told.rows()
            assert (row["time"], row["record"]) == ("2026-03-01T00:05:00Z", 1)
            assert (row["equity"], row["stop stopped"]) == (1000, False)
            assert told.versions == ("1.1.0", "1.0.0")

    def test_knows_the_states_bounds(self, history):
        margin = history.panels[1]
        assert [(one.name, one.start, one.stop) for one in margin.states] == [
            ("CALM", None, 50), ("BUSY", 50, 80), ("FULL", 80, None),
        ]  # fmt: skip

    def test_is_as_the_policy_has_it_that_decided_last_in_its_span(self, log):
        assert policy_of(log, log.kinds()).text.version == "1.1.0"
        begun = min(stored.time for stored in log.stored() if stored.record.fields["policy"]["version"] == "1.1.0")
        assert policy_of(log, log.kinds(), Span(until=begun)).text.version == "1.0.0"

    def test_is_one_account_s(self, log):
        with pytest.raises(Unselectable, match="choose one with --account, here are hedge, main"):
            account_of(log.kinds())

    @pytest.mark.parametrize("ending", [".png", ".svg"])
    def test_is_the_same_picture_each_time(self, history, tmp_path, ending):
        pytest.importorskip("matplotlib")
        one, other = tmp_path / f"one{ending}", tmp_path / f"other{ending}"
        draw(history, one)
        draw(history, other)
        assert one.read_bytes() == other.read_bytes()
        assert one.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")

    def test_shows_states_lines_and_flags_in_the_picture(self, history, tmp_path):
        pytest.importorskip("matplotlib")
        import matplotlib as mpl

        with mpl.rc_context({"svg.fonttype": "none"}):
            draw(history, tmp_path / "picture.svg")
        text = (tmp_path / "picture.svg").read_text()
        for shown in ("main", "Money", "equity", "peak", "CALM", "BUSY", "FULL", "stopped"):
            assert shown in text

    def test_draws_a_line_through_what_each_second_record_computed(self, history):
        """A bot that asks two decisions in turn, one of which computes no margin, still has a line of its margin."""
        pytest.importorskip("matplotlib")
        points = tuple(
            point if number % 2 else replace(point, values=without(point, "used_pct", "zone"))
            for number, point in enumerate(history.points)
        )
        (line,) = drawn(replace(history, points=points)).axes[1].lines
        assert list(line.get_ydata()) == [point.values["used_pct"] for point in history.points[1::2]]
        assert line.get_linestyle() == "-"

    def test_marks_a_number_between_two_that_were_not_known(self, history):
        """A rule that gave no number leaves a gap; a number between two gaps would be a line of no length."""
        pytest.importorskip("matplotlib")
        points = tuple(
            replace(point, values=point.values | {"used_pct": value})
            for point, value in zip(history.points[:7], (1, 2, None, 3, None, 4, 5), strict=True)
        )
        line, alone = drawn(replace(history, points=points)).axes[1].lines
        assert [str(value) for value in line.get_ydata()] == ["1.0", "2.0", "nan", "3.0", "nan", "4.0", "5.0"]
        assert (list(alone.get_ydata()), alone.get_marker()) == ([3.0], "o")

    def test_does_not_say_never_of_a_flag_that_no_record_computed(self, history):
        pytest.importorskip("matplotlib")
        points = tuple(replace(point, values=without(point, "stopped")) for point in history.points)
        assert flag_text(replace(history, points=points)) == "stopped: not computed in these records"
        held = tuple(replace(point, values=point.values | {"stopped": False}) for point in history.points)
        assert flag_text(replace(history, points=held)) == "never stopped"

    def test_shades_a_flag_no_further_than_it_is_known(self, history):
        """What was last seen to hold, and then asked of nobody any more, is not shown to go on."""
        pytest.importorskip("matplotlib")
        known = tuple(replace(point, values=point.values | {"stopped": True}) for point in history.points[:3])
        later = tuple(replace(point, values=without(point, "stopped")) for point in history.points[3:])
        (shade,) = drawn(replace(history, points=known + later)).axes[2].patches
        from matplotlib.dates import date2num

        first, last = (date2num(EPOCH + timedelta(microseconds=point.time)) for point in (known[0], known[2]))
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((first, last))

    def test_writes_dollars_as_they_are(self, history, tmp_path):
        """Between two of them matplotlib would read a formula, and fail where it is none."""
        mpl = pytest.importorskip("matplotlib")
        with mpl.rc_context({"svg.fonttype": "none"}):
            draw(replace(history, account=r"x$\frac$"), tmp_path / "picture.svg")
        assert r"x$\frac$, policy limits" in (tmp_path / "picture.svg").read_text()

    @pytest.mark.filterwarnings("error")
    def test_shows_letters_that_its_font_lacks_by_their_codes_or_as_text(self, history, tmp_path):
        """Two accounts with names of boxes alone would look the same."""
        pytest.importorskip("matplotlib")
        named = replace(history, account="Жук 中文🦄")
        assert draw(named, tmp_path / "one.png") == "中文🦄"
        assert draw(replace(history, account=r"Жук \u4e2d\u6587\U0001f984"), tmp_path / "codes.png") == ""
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "codes.png").read_bytes()
        assert draw(named, tmp_path / "one.svg") == ""
        assert "Жук 中文🦄, policy limits" in (tmp_path / "one.svg").read_text(encoding="utf-8")

    def test_shows_numbers_below_zero_where_no_state_begins_there(self, history):
        """A loss is drawn also where the only bound of the states is zero."""
        pytest.importorskip("matplotlib")
        states = (State("LOSS", None, 0.0), State("GAIN", 0.0, None))
        panels = (history.panels[0], replace(history.panels[1], states=states), history.panels[2])
        lost = tuple(
            replace(point, values=point.values | {"used_pct": number - 9.0})
            for number, point in enumerate(history.points[:15])
        )
        panel = drawn(replace(history, panels=panels, points=lost)).axes[1]
        assert panel.get_ylim()[0] <= -9
        assert {text.get_text() for text in panel.texts} == {"LOSS", "GAIN"}

    def test_shows_a_line_that_lies_on_the_axis(self, history):
        """No drawdown at all is a line too, and not only the frame."""
        pytest.importorskip("matplotlib")
        flat = tuple(replace(point, values=point.values | {"used_pct": 0.0}) for point in history.points)
        panel = drawn(replace(history, points=flat)).axes[1]
        (line,) = panel.lines
        assert line.get_zorder() > panel.spines["bottom"].get_zorder()
        assert not line.get_clip_on()

    def test_shows_one_point_alone_at_its_hour(self, history):
        """Two years on each side of it would be what matplotlib makes of a single day."""
        pytest.importorskip("matplotlib")
        figure = drawn(replace(history, points=history.points[:1]))
        first, last = figure.axes[0].get_xlim()
        assert 1 / 24 <= last - first <= 1
        assert ": 1 point, " in figure.get_suptitle()

    def test_writes_what_a_flag_is_called_beside_its_shades(self, history):
        pytest.importorskip("matplotlib")
        held = tuple(replace(point, values=point.values | {"stopped": True}) for point in history.points)
        figure = drawn(replace(history, points=held))
        figure.draw_without_rendering()
        (text,), panel = figure.axes[2].texts, figure.axes[2]
        assert (text.get_text(), text.get_window_extent().x0 >= panel.get_window_extent().x1) == ("stopped", True)

    def test_says_by_which_version_its_states_are_where_there_were_several(self, log, history):
        """The bands behind the lines are those of the policy that decided last; records before it had their own."""
        pytest.importorskip("matplotlib")
        assert history.versions == ("1.0.0", "1.1.0")
        assert "policy limits 1.0.0, 1.1.0: " in drawn(history).get_suptitle()
        assert drawn(history).axes[1].get_title("left") == "margin (states as in 1.1.0)"
        assert drawn(history).axes[0].get_title("left") == "Money"
        kinds = kinds_of(log, Selection(policies=("limits@1.0.0",)))
        old = everything(log, Selection(accounts=("main",), policies=("limits@1.0.0",)))
        alone = history_of(old, "main", policy_of(log, kinds))
        assert "policy limits 1.0.0: " in drawn(alone).get_suptitle()
        assert drawn(alone).axes[1].get_title("left") == "margin"

    def test_keeps_the_legend_off_the_lines(self, history):
        pytest.importorskip("matplotlib")
        figure = drawn(history)
        figure.draw_without_rendering()
        money = figure.axes[0]
        assert money.get_legend().get_window_extent().y0 >= money.get_window_extent().y1


def without(point, *rules):
    return {rule: value for rule, value in point.values.items() if rule not in rules}


def flag_text(history):
    (text,) = drawn(history).axes[2].texts
    return text.get_text()


class TestExport:
    def test_as_lines_are_the_exact_bytes(self, log):
        file = io.BytesIO()
        write_jsonl(file, everything(log))
        by_time = sorted((stored.time, stored.record.seq, stored.record.body) for stored in log.stored())
        assert file.getvalue().splitlines() == [body for _, _, body in by_time]

    def test_as_csv_has_the_same_columns_for_every_verdict(self, log):
        file = io.StringIO()
        write_csv(file, everything(log), columns(log, log.kinds()))
        rows = list(csv.DictReader(io.StringIO(file.getvalue())))
        first = next(row for row in rows if row["decision"] == "position" and row["ok"] == "true")
        record = log.record(int(first["seq"])).fields
        assert len(rows) == 160
        assert float(first["outputs.bet"]) == record["outputs"]["bet"]
        assert json.loads(first["outputs.made"]) == record["outputs"]["made"]
        assert first["outputs.equity"] == ""
        assert None not in first
        for row in rows:
            fields = log.record(int(row["seq"])).fields
            told = fields["snapshot"] if isinstance(fields["snapshot"], dict) else {}
            codes = dict.fromkeys(one["code"] for one in fields["problems"])
            assert (row["as_of"], row["time"]) == (told.get("as_of", ""), fields["time"])
            assert row["problems"].split() == list(codes)
            for name in ("bet", "equity", "loss"):
                value = fields["outputs"].get(name)
                assert row[f"outputs.{name}"] == ("" if value is None else repr(value))

    def test_as_parquet_says_the_same_in_several_row_groups_too(self, log, tmp_path, monkeypatch):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        monkeypatch.setattr(export, "ROWS", 50)
        with (tmp_path / "log.parquet").open("wb") as file:
            write_parquet(file, everything(log), columns(log, log.kinds()))
        rows = pq.read_table(tmp_path / "log.parquet").to_pylist()
        assert [row["seq"] for row in rows] == [stored.record.seq for stored in everything(log)]
        for row in rows:
            outputs = log.record(row["seq"]).fields["outputs"]
            assert row["outputs.bet"] == outputs.get("bet")
            assert row["outputs.zone"] == outputs.get("zone")

    def test_leaves_out_no_output_that_is_a_record(self, log, tmp_path):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        named, file = columns(log, log.kinds()), io.StringIO()
        write_csv(file, everything(log), named)
        with (tmp_path / "log.parquet").open("wb") as parquet:
            write_parquet(parquet, everything(log), named)
        rows = pq.read_table(tmp_path / "log.parquet").to_pylist()
        for row, cells in zip(rows, csv.DictReader(io.StringIO(file.getvalue())), strict=True):
            outputs = log.record(row["seq"]).fields["outputs"]
            for name in ("band", "worst_one"):
                assert json.loads(row[f"outputs.{name}"] or "null") == outputs.get(name)
                assert cells[f"outputs.{name}"] == (row[f"outputs.{name}"] or "")
        assert sum(row["outputs.band"] is not None for row in rows) > 50

    def test_has_an_output_within_an_output_by_its_path(self, tmp_path):
        url, file = f"sqlite:///{tmp_path / 'log.sqlite3'}", io.StringIO()
        text = JUDGED.replace("bet: bet,", "of: {bet: bet, small: gate.verdict != STOP},")
        with open_ledger(url) as ledger:
            ledger.evaluate(policy(text.replace("bet: 0 USD", "of: {bet: 0 USD, small: none}")), snapshot(), "answer")
        with open_log(url) as log:
            named = columns(log, log.kinds())
            write_csv(file, everything(log), named)
            outputs = log.record(1).fields["outputs"]
        (row,) = csv.DictReader(io.StringIO(file.getvalue()))
        assert (named["outputs.of.bet"], named["outputs.of.small"]) == ("number", "flag")
        assert float(row["outputs.of.bet"]) == outputs["of"]["bet"]
        assert row["outputs.of.small"] == str(outputs["of"]["small"]).lower()

    def test_keeps_a_number_a_number_where_another_decision_says_none(self, tmp_path):
        """A decision about reductions leaves out what one about entries computes, under the same name."""
        url, snapshot = f"sqlite:///{tmp_path / 'log.sqlite3'}", Path("policies/default/examples/sushi_recorded.json")
        with open_ledger(url) as ledger:
            assert ledger.evaluate(load_policy("default"), snapshot.read_bytes(), "position").ok
        with open_log(url) as log:
            assert {kind.decision for kind in log.kinds().values()} == {"position"}
            named, outputs = columns(log, log.kinds()), log.record(1).fields["outputs"]
        numbers = {name for name, value in outputs.items() if isinstance(value, float)}
        assert len(numbers) > 9
        assert {named[f"outputs.{name}"] for name in numbers} == {"number"}
        assert named["outputs.reason"] == "text"

    def test_writes_as_text_what_is_a_number_in_one_decision_and_a_text_in_another(self, tmp_path):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        url, file = f"sqlite:///{tmp_path / 'log.sqlite3'}", tmp_path / "log.parquet"
        both = policy(
            "rules:\n  one: {kind: formula, unit: USD, formula: account.margin_used}\n"
            "  loss: {kind: formula, formula: account.margin_used > 5 USD}\ndecisions:\n"
            "  name: {outputs: {told: account.id, flag: loss}, on_error: {told: none, flag: none}}\n"
            "  size: {outputs: {told: one, flag: one}, on_error: {told: none, flag: none}}\n"
        )
        with open_ledger(url) as ledger:
            for decision in ("name", "size"):
                ledger.evaluate(both, snapshot(account={"margin_used": 12.5}), decision)
        with open_log(url) as log:
            named = columns(log, log.kinds())
            with file.open("wb") as binary:
                write_parquet(binary, everything(log), named)
        assert (named["outputs.told"], named["outputs.flag"]) == ("text", "text")
        rows = [(row["outputs.told"], row["outputs.flag"]) for row in pq.read_table(file).to_pylist()]
        assert rows == [("demo", "true"), ("12.5", "12.5")]

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '"=1', '""=1', "\uff1d1", "\uff0b1"])
    def test_gives_a_spreadsheet_nothing_to_run(self, text):
        assert harmless(text).startswith(f"'{text[0]}")
        assert harmless(f"a;{text}").startswith(f"a;'{text[0]}")
        assert harmless(-1.5) == -1.5
        assert harmless("a-b; c=d, e+f@g") == "a-b; c=d, e+f@g"


class TestAProof:
    def test_holds_without_the_log(self, log):
        for seq in (1, 2, 77, 160):
            record = log.record(seq)
            told = proof_of(log, record).to_dict()
            path = tuple(bytes.fromhex(one) for one in told["path"])
            leaf, root = leaf_hash(record.body), bytes.fromhex(told["root"])
            assert told["holds"]
            assert verify_inclusion(leaf, told["index"], told["size"], path, root)
            assert not verify_inclusion(leaf_hash(record.body + b" "), told["index"], told["size"], path, root)

    def test_is_not_there_of_a_record_that_the_head_does_not_count(self, log):
        assert proof_of(log, Record(161, log.record(160).body)) is None


def test_the_log_begins_when_it_says(log):
    assert log.record(1).fields["time"].startswith(START.isoformat()[:13])
