"""`--where`: a filter on the command line, and what is said of the records that it could not be asked of."""

import argparse
import sys
from typing import TYPE_CHECKING

from rulecap.cli.usage import UsageError

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.review.filter import Filter
    from rulecap.audit.review.selection import Kinds


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add `--where`."""
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help='only records on which this holds, in the policy\'s own language: "drawdown_pct > 5%%"',
    )


def filter_of(asked: argparse.Namespace, log: "Log", kinds: "Kinds") -> "Filter | None":
    """Return the filter that was asked for, none where none was.

    Raises:
        UsageError: it means nothing for any of the selected records; with every problem, at its place.
    """
    from rulecap.audit.review.filter import Filter

    if asked.where is None:
        return None
    where = Filter(asked.where, log)
    keys = {(kind.digest, kind.decision) for kind in kinds.values() if kind.digest}
    conditions = [where.condition(*key) for key in sorted(keys)]
    wrong = [one for one in conditions if isinstance(one, list)]
    if conditions and len(wrong) == len(conditions):
        fewest = min(wrong, key=len)
        raise UsageError("\n".join(["the filter cannot be asked:", *(problem.render() for problem in fewest)]))
    return where


def tell_unasked(where: "Filter | None") -> None:
    """Say on standard error how many records the filter could not be asked of."""
    if where is None:
        return
    if where.unknown:
        print(f"rulecap: {where.unknown:,} records lack a value that the filter asks for", file=sys.stderr)
    for (digest, decision), number in where.unfit.items():
        policy = f"policy {digest[:12]}" if digest else "no policy"
        print(f"rulecap: it means nothing for {number:,} records of {decision} by {policy}", file=sys.stderr)
        for problem in where.problems(digest, decision)[:1]:
            print(problem.render(), file=sys.stderr)
