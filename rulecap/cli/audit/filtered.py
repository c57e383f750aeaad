"""`--where`: a filter on the command line, and what is said of the records that it could not be asked of."""

import argparse
import sys
from typing import TYPE_CHECKING

from rulecap.cli.usage import UsageError
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.review.filter import Filter
    from rulecap.audit.review.selection import Kinds


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add `--where`, and `--asked-by`, which no condition can name: it is no value of the policy's."""
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help='only records on which this holds, in the policy\'s own language: "drawdown_pct > 5%%"',
    )
    parser.add_argument(
        "--asked-by",
        dest="callers",
        type=str,
        metavar="NAME",
        action="append",
        default=[],
        help="only what was asked for under this name, '' for none; several times for several",
    )


def filter_of(asked: argparse.Namespace, log: "Log", kinds: "Kinds") -> "Filter | None":
    """Return the filter that was asked for, none where none was.

    Raises:
        UsageError: it means nothing for any of the selected records; with every problem, at its place.
    """
    from rulecap.audit.review.filter import Unaskable, filter_on

    if asked.where is None:
        return None
    try:
        return filter_on(asked.where, log, kinds)
    except Unaskable as error:
        raise UsageError("\n".join([f"{error}:", *(problem.render() for problem in error.problems)])) from error


def tell_unasked(where: "Filter | None") -> None:
    """Say on standard error how many records the filter could not be asked of."""
    from rulecap.problems import on_a_line

    if where is None:
        return
    if where.unknown:
        lack = "lacks" if where.unknown == 1 else "lack"
        print(f"rulecap: {how_many(where.unknown, 'record')} {lack} a value that the filter asks for", file=sys.stderr)
    for (digest, decision), number in where.unfit.items():
        records = f"{how_many(number, 'record')} of {decision or 'no known decision'}"
        print(on_a_line(f"rulecap: it means nothing for {records} by {_called(where, digest)}"), file=sys.stderr)
        for problem in where.problems(digest, decision)[:1]:
            print(problem.render(), file=sys.stderr)


def _called(where: "Filter", digest: str) -> str:
    """Return a policy's name and version, and the start of its digest, of which there may be several by one name."""
    policy = where.log.policy(digest)
    return f"policy {policy.name} {policy.version} ({digest[:12]})"
