"""Which policy was in force when, on either database."""

from rulecap.audit import open_log
from rulecap.audit.review.moments import EVER
from rulecap.audit.review.reigns import reigns_of, told
from rulecap.audit.review.selection import Selection, kinds_of, looking
from tests.audit.review.made import write


def test_reigns_are_told_on_either_database(url, tmp_path):
    write(tmp_path, url)
    with open_log(url) as log, looking(log):
        rows = told(log, reigns_of(log, kinds_of(log, Selection()), EVER))
    assert sorted((row.reign.kind.account, row.version) for row in rows) == [
        ("hedge", "1.0.0"), ("hedge", "1.1.0"), ("main", "1.0.0"), ("main", "1.1.0"),
    ]  # fmt: skip
    assert [[one.path for one in row.changes or ()] for row in rows] == [[], [], *[["bet.largest.at_most"]] * 2]
    assert sum(row.reign.records for row in rows) == 160
