"""`rulecap audit query`: records found by columns and by a condition, a page at a time."""

import argparse
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.common import print_csv, progress
from rulecap.cli.audit.filtered import add_where, filter_of, tell_unasked
from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.usage import FINE, UsageError, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.review.filter import Filter
    from rulecap.audit.review.listing import Listed
    from rulecap.audit.review.pages import Page, Way

MOST = 10_000


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "List records by time, account, decision, verdict, policy, who asked, and a condition in the policy's words."
    parser = commands.add_parser("query", help="find records", description=text, allow_abbrev=False)
    add_selection(parser)
    add_where(parser)
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="records of a page (default: %(default)s)")
    parser.add_argument("--after", metavar="CURSOR", help="go on where a page ended: its `next`")
    parser.add_argument("--oldest", action="store_true", help="the oldest first, not the newest")
    parser.add_argument("--count", action="store_true", help="also say how many records the columns select")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="answer as CSV")
    add_json(form)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print a page."""
    from rulecap.audit.review.finding import way_of
    from rulecap.audit.review.pages import count, cursor

    if not 0 < asked.limit <= MOST:
        raise UsageError(f"--limit is 1 to {MOST:,}")
    with reviewing(asked.log) as log:
        after = None if asked.after is None else cursor(asked.after)
        way = way_of(log, selection_of(asked, log), not asked.oldest, after)
        where = filter_of(asked, log, way.kinds)
        page = _page(log, way, asked.limit, where)
        rows = _listed(log, page)
        total = count(log, way.kinds, way.span) if asked.count else None
    counted: dict[str, Any] = {} if total is None else {"count": total}
    _print(asked, rows, str(page.next) if page.next else None, counted | ({"where": where.untold()} if where else {}))
    tell_unasked(where)
    return FINE


def _page(log: "Log", way: "Way", most: int, where: "Filter | None") -> "Page":
    from rulecap.audit.review.finding import page_where
    from rulecap.audit.review.pages import page

    if where is None and not way.callers:
        return page(log, way, most)
    return page_where(log, way, most, where, progress("looking through"))


def _listed(log: "Log", page: "Page") -> "list[Listed]":
    from rulecap.audit.review.listing import listed

    kinds = log.kinds()
    return [listed(one, kinds[one.kind]) for one in page.records]


def _print(asked: argparse.Namespace, rows: "list[Listed]", following: str | None, more: dict[str, Any]) -> None:
    from rulecap.cli.outline import table
    from rulecap.cli.terminal import print_json

    if asked.json:
        print_json({"records": [row.to_dict() for row in rows], "next": following, **more})
        return
    columns = [_columns(row) for row in rows]
    if not asked.csv and not any(row.asked_by for row in rows):
        columns = [{name: value for name, value in row.items() if name != CALLER} for row in columns]
    if asked.csv:
        print_csv(HEAD, (row.values() for row in columns))
        return
    if columns:
        print("\n".join(table(columns, WIDEST)))
    else:
        print("no record is like that")
    if "count" in more:
        print(f"selected by their columns: {how_many(more['count'], 'record')}")
    if following:
        print(f"more: --after {following}")


CALLER = "asked by"
WIDEST = 120  # so that a column more leaves the times in their lines
HEAD = ("record", "time", "account", "decision", "verdict", "policy", CALLER, "problems")


def _columns(row: "Listed") -> dict[str, Any]:
    kind = row.kind
    about = (row.seq, row.time, kind.account, kind.decision, kind.verdict, f"{kind.policy} {row.version}".strip())
    return dict(zip(HEAD, (*about, row.asked_by or "", " ".join(row.problems)), strict=True))
