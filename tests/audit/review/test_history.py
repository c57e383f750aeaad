"""The history of an account: what its policy shows over time, as rows and as a picture."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.clock import EPOCH
from rulecap.audit.review.history import State, account_of, history_of, policy_of
from rulecap.audit.review.moments import Span
from rulecap.audit.review.picture import draw, drawn
from rulecap.audit.review.selection import Selection, Unselectable, kinds_of
from tests.audit.review.made import everything, limits
from tests.written import snapshot


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

    def test_draws_each_state_that_the_lines_reach_between_its_bounds(self, history):
        """And the one above them up to its end: how far it is to the next state is what is looked for."""
        pytest.importorskip("matplotlib")
        from matplotlib.dates import date2num

        points = tuple(
            replace(point, values=point.values | {"used_pct": used})
            for point, used in zip(history.points[:3], (10.0, 30.0, 45.0), strict=True)
        )
        panel = drawn(replace(history, points=points)).axes[1]
        spans = [(one.get_y(), one.get_y() + one.get_height()) for one in panel.patches]
        low, high = panel.get_ylim()
        assert 0 <= low < 10
        assert (spans, high) == ([pytest.approx((low, 50))], 50)
        assert [one.get_text() for one in panel.texts] == ["CALM"]
        first, last = (date2num(EPOCH + timedelta(microseconds=point.time)) for point in (points[0], points[-1]))
        assert panel.get_xlim()[0] <= first < last <= panel.get_xlim()[1]
        above = tuple(replace(point, values=point.values | {"used_pct": 85.0}) for point in points)
        panel = drawn(replace(history, points=above)).axes[1]
        low, high = panel.get_ylim()
        spans = [(one.get_y(), one.get_y() + one.get_height()) for one in panel.patches]
        assert (low, high > 85) == (50, True)
        assert spans == [pytest.approx((50, 80)), pytest.approx((80, high))]
        assert [one.get_text() for one in panel.texts] == ["BUSY", "FULL"]

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
