"""Pages: everything once, in the order of time, whatever is asked for."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulecap.audit import LogError, open_log
from rulecap.audit.clock import microseconds
from rulecap.audit.review import pages
from rulecap.audit.review.filter import Filter
from rulecap.audit.review.finding import found, page_where, page_within, way_of
from rulecap.audit.review.moments import EVER, NoMoment, Span, length, moment
from rulecap.audit.review.pages import Cursor, Place, Way, count, cursor, page
from rulecap.audit.review.pages import stored as records_at
from rulecap.audit.review.selection import Selection, Unselectable, kinds_of, looking
from tests.audit.review.made import START

LONG = f"2026-01-01T00:00:00Z/{'1' * 19}"  # a number that no record can have


def naive(log, selection, newest_first):
    """Return the numbers of the records that a look at every record finds, in the order of time."""
    kinds, found = log.kinds(), []
    for stored in log.stored():
        kind = kinds[stored.kind]
        fits = (
            (not selection.accounts or kind.account in selection.accounts)
            and (not selection.decisions or kind.decision in selection.decisions)
            and (not selection.verdicts or kind.verdict in selection.verdicts)
            and (not selection.policies or kind.digest in selection.policies)
            and selection.span.since <= stored.time < selection.span.until
        )
        found += [(stored.time, stored.record.seq)] if fits else []
    return [seq for _, seq in sorted(found, reverse=newest_first)]


def paged(log, way, most):
    """Return the numbers of all pages' records, page by page."""
    found = []
    while True:
        one = page(log, way, most)
        found += [stored.record.seq for stored in one.records]
        assert len(one.records) == most or one.next is None
        if one.next is None:
            return found
        way = Way(way.kinds, way.span, way.newest_first, cursor(str(one.next)))


def some(values):
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


@given(data=st.data())
@settings(deadline=None)
def test_pages_have_everything_once_in_order(reviewed, data):
    with open_log(reviewed) as log, looking(log):
        digests = sorted({kind.digest for kind in log.kinds().values()})
        minute = st.integers(-40, 140).map(lambda one: microseconds(START + timedelta(minutes=one)))
        selection = Selection(
            data.draw(some(["main", "hedge"])),
            data.draw(some(["position", "state"])),
            data.draw(some(["ENTER", "REJECT", "CALM", "FULL"])),
            data.draw(some(digests)),
            data.draw(st.builds(Span, minute, minute) | st.just(EVER)),
        )
        newest_first = data.draw(st.booleans())
        way = way_of(log, selection, newest_first)
        expected = naive(log, selection, newest_first)
        assert paged(log, way, data.draw(st.integers(1, 50))) == expected
        assert count(log, way.kinds, way.span) == len(expected)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_have_everything_once_where_each_kind_is_read_in_pieces(log, monkeypatch, newest_first):
    for name, size in (("FIRST_ROWS", 1), ("MOST_ROWS", 3), ("BODIES", 2), ("MOST_VALUES", 2)):
        monkeypatch.setattr(pages, name, size)
    way, expected = way_of(log, Selection(), newest_first), naive(log, Selection(), newest_first)
    assert len(expected) == count(log, way.kinds, way.span) == 160
    for most in (1, 7, 200):
        assert paged(log, way, most) == expected


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_a_filter_have_everything_once_that_it_holds_on(log, newest_first):
    """Two records of one time among them, between which a page ends."""
    text = "used_pct < 70%"
    expected = list(found(log, way_of(log, Selection(), newest_first), Filter(text, log)))
    times = [one.time for one in expected]
    assert len(times) > len(set(times)) > 20
    for most in (1, 3):
        by_looking, as_far, after, begin = [], [], None, None
        while by_looking == [] or after is not None:
            page_of = page_where(log, way_of(log, Selection(), newest_first, after), most, Filter(text, log))
            assert len(page_of.records) == most or page_of.next is None
            by_looking += page_of.records
            after = page_of.next
        while as_far == [] or begin is not None:
            looks = iter(range(5))
            way = way_of(log, Selection(), newest_first, begin)
            page_of = page_within(log, way, most, Filter(text, log), lambda _, looks=looks: next(looks, 9) > 3)
            as_far += page_of.records
            begin = page_of.next
        assert by_looking == as_far == expected


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_lies_outside_a_span_is_on_none_of_its_pages(log, newest_first):
    """Also where it is said to go on from before the span."""
    span = Span(*(microseconds(START + timedelta(minutes=minute)) for minute in (60, 70)))
    expected = naive(log, Selection(span=span), newest_first)
    assert expected
    for minute in (0, 1000):
        after = Cursor(microseconds(START + timedelta(minutes=minute)), 1)
        told = page(log, Way(log.kinds(), span, newest_first, after), 200)
        begins_before = (minute == 1000) == newest_first
        assert [one.record.seq for one in told.records] == (expected if begins_before else [])


def test_the_log_s_clock_did_go_back(log):
    times = [stored.time for stored in log.stored()]
    assert times != sorted(times)


class TestWhatIsNotInTheLog:
    @pytest.mark.parametrize(("selection", "said"), [
        (Selection(accounts=("mian",)), "no record of this log has the account mian: did you mean main?"),
        (Selection(verdicts=("REJCT",)), "no record of this log has the verdict REJCT: did you mean REJECT?"),
        (Selection(decisions=("stat",)), "did you mean state?"),
        (Selection(accounts=("none",)), "no record of this log has the account none"),
        (Selection(accounts=("",)), "no record of this log has the account none"),
        (Selection(policies=("limit",)), "did you mean limits?"),
        (Selection(policies=("limits@2.0.0",)), "limits@1.0.0"),
        (Selection(policies=("abcdef0",)), "no record of this log has the policy abcdef0"),
    ])  # fmt: skip
    def test_is_named_with_the_nearest(self, log, selection, said):
        with pytest.raises(Unselectable, match=said.replace("?", r"\?")):
            kinds_of(log, selection)

    @pytest.mark.parametrize("text", ["", "x", "/1", "2026-01-01T00:00:00Z/", "2026-01-01T00:00:00Z/-1", "5/5", LONG])
    def test_no_page_ended_there(self, text):
        with pytest.raises(Unselectable, match="where no page ended"):
            cursor(text)


def test_policies_are_chosen_by_name_version_and_digest(log):
    versions = {kind.digest: kind for kind in log.kinds().values()}
    old, new = (
        next(iter(kinds_of(log, Selection(policies=(f"limits@{one}",))).values())) for one in ("1.0.0", "1.1.0")
    )
    assert {old.digest, new.digest} == set(versions)
    for start in (old.digest[:6], old.digest[:8].upper()):
        by_digest = kinds_of(log, Selection(policies=(start,)))
        assert {kind.digest for kind in by_digest.values()} == {old.digest}
    with pytest.raises(Unselectable):
        kinds_of(log, Selection(policies=(old.digest[:5],)))
    assert len(kinds_of(log, Selection(policies=("limits",)))) == len(log.kinds())


class TestATime:
    @pytest.mark.parametrize(("text", "expected"), [
        ("2026-03-01", START),
        ("2026-03-01T01:00+01:00", START),
        ("24h", START + timedelta(days=9)),
        ("1w", START + timedelta(days=3)),
        ("2880min", START + timedelta(days=8)),
        ("2880m", START + timedelta(days=8)),
    ])  # fmt: skip
    def test_is_a_day_a_moment_or_how_long_ago(self, text, expected):
        assert moment(text, START + timedelta(days=10)) == microseconds(expected)

    @pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-03-01T12:00", "0h", "5y", "99999999w"])
    def test_that_is_none_is_refused(self, text):
        with pytest.raises(NoMoment):
            moment(text, START)

    @pytest.mark.parametrize("text", ["", "h", "1", "-1h", "1.5h"])
    def test_a_stretch_that_is_none_is_refused(self, text):
        with pytest.raises(NoMoment):
            length(text)


def test_every_way_round_is_the_other_reversed(log):
    for decision, size in product(["position", "state"], [1, 7, 1000]):
        ways = [way_of(log, Selection(decisions=(decision,)), newest) for newest in (True, False)]
        newest, oldest = (paged(log, way, size) for way in ways)
        assert newest == oldest[::-1]


def test_a_record_that_only_the_index_has_is_damage(log):
    with pytest.raises(LogError, match="the index has record 9999, the log has it not"):
        list(records_at(log, [Place(0, 9999, 1)]))
