"""What finds records finds the same in both stores."""

from datetime import timedelta
from itertools import product

import pytest

from rulecap.audit import open_log
from rulecap.audit.asked import microseconds
from rulecap.audit.review.filter import Filter
from rulecap.audit.review.finding import found, page_where, way_of
from rulecap.audit.review.history import account_of, history_of, policy_of
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


@pytest.fixture(scope="module")
def on_server(server, tmp_path_factory):
    """Return the address of the same log on a server."""
    return write(tmp_path_factory.mktemp("reviewed-on-server"), server.url(server.new_database()))


def told(url):
    """Return all that a review finds in a log, in every way."""
    with open_log(url) as log, looking(log):
        for selection, newest in product(SELECTIONS, [True, False]):
            way = way_of(log, selection, newest)
            first = page(log, way, 10)
            after = cursor(str(first.next)) if first.next else None
            second = page(log, way_of(log, selection, newest, after), 10) if after else None
            yield (
                [one.record.seq for one in first.records],
                [one.record.seq for one in second.records] if second else None,
                count(log, way.kinds, way.span),
            )
        way = way_of(log, Selection())
        where = Filter("loss_pct > 5% and account.margin_used > 200 USD", log)
        yield [one.record.seq for one in page_where(log, way, 7, where).records], where.untold()
        yield stats_of(log, way.kinds, found(log, way), timedelta(hours=1)).to_dict()
        way = way_of(log, Selection(accounts=("main",)))
        yield list(history_of(found(log, way), account_of(way.kinds), policy_of(log, way.kinds)).rows())


def test_both_stores_tell_the_same(reviewed, on_server):
    ours = list(told(reviewed))
    assert any(first for first, *_ in ours[: len(SELECTIONS)])
    assert list(told(on_server)) == ours
