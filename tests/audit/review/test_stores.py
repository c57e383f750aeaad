"""What is found in a log is the same in either database."""

from datetime import timedelta
from itertools import product

from rulecap.audit import open_log
from rulecap.audit.clock import microseconds
from rulecap.audit.review.filter import Filter
from rulecap.audit.review.finding import found, page_where, way_of
from rulecap.audit.review.history import history_of, policy_of
from rulecap.audit.review.moments import EVER, Span
from rulecap.audit.review.pages import count, cursor, page
from rulecap.audit.review.selection import Selection, looking
from rulecap.audit.review.stats import stats_of
from tests.audit.review.made import START, write

HOUR = Span(microseconds(START + timedelta(minutes=20)), microseconds(START + timedelta(minutes=80)))
SELECTIONS = [
    Selection(accounts, decisions, verdicts, policies, span)
    for accounts, decisions, verdicts, policies, span in product(
        [(), ("main",)], [(), ("state",)], [(), ("FULL", "CALM"), ("REJECT",)], [(), ("limits@1.1.0",)], [EVER, HOUR]
    )
]


def pages(log, selection, newest):
    """Return the first two pages' records, and how many there are."""
    first = page(log, way_of(log, selection, newest), 10)
    after = way_of(log, selection, newest, cursor(str(first.next))) if first.next else None
    shown = [*first.records, *(page(log, after, 10).records if after else ())]
    return [one.record.seq for one in shown], count(log, way_of(log, selection).kinds, selection.span)


def everything(url):
    """Return all that a review tells of a log, but for the log's own id."""
    with open_log(url) as log, looking(log):
        told = [pages(log, selection, newest) for selection, newest in product(SELECTIONS, [True, False])]
        for account, newest in product(["main", "hedge"], [True, False]):
            selection = Selection(accounts=(account,))
            way = way_of(log, selection, newest)
            told.append([one.record.seq for one in page(log, way, 30).records])
            told.append(count(log, way.kinds, way.span))
            where = Filter("loss_pct > 5% and used_pct > 20%", log)
            told.append([one.record.seq for one in page_where(log, way, 5, where).records])
            policy = policy_of(log, way.kinds)
            told.append(list(history_of(found(log, way), account, policy, timedelta(minutes=10)).rows()))
        told.append(stats_of(log, log.kinds(), found(log, way_of(log, Selection())), timedelta(hours=1)).to_dict())
        return told


def test_a_review_tells_the_same_of_a_log_in_postgresql_as_of_one_in_sqlite(reviewed, postgres_url, tmp_path):
    assert everything(write(tmp_path, postgres_url)) == everything(reviewed)
