"""`rulecap audit stats`: what the records say together."""

import argparse
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.common import progress
from rulecap.cli.audit.filtered import add_where, filter_of, tell_unasked
from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.usage import FINE, UsageError, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit.review.stats import Stats

DAY = "1d"
MOST_SHOWN = 25


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = (
        "Count verdicts over time, how often each check and adjustment bound and how much, and what inputs were wrong."
    )
    parser = commands.add_parser("stats", help="count", description=text, allow_abbrev=False)
    add_selection(parser)
    add_where(parser)
    parser.add_argument("--every", metavar="SPAN", default=DAY, help="stretches of time: 1h, 1d (default: %(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the statistics."""
    from rulecap.audit import LogError
    from rulecap.audit.review.finding import found, way_of
    from rulecap.audit.review.moments import NoMoment, length
    from rulecap.audit.review.stats import stats_of
    from rulecap.cli.terminal import Style, print_json

    try:
        every = length(asked.every)
    except NoMoment as error:
        raise UsageError(f"--every: {error}") from error
    with reviewing(asked.log) as log:
        way = way_of(log, selection_of(asked, log), newest_first=False)
        where = filter_of(asked, log, way.kinds)
        try:
            stats = stats_of(log, way.kinds, found(log, way, where, progress("counting")), every)
        except LogError as error:
            raise UsageError(str(error)) from error
    if asked.json:
        print_json(stats.to_dict())
    else:
        print("\n\n".join(_sections(stats, Style.of_output().strong)))
    tell_unasked(where)
    return FINE


def _sections(stats: "Stats", strong: Any) -> list[str]:
    from rulecap.cli.outline import table

    found = stats.to_dict()
    sections = [how_many(stats.records, "record")]
    tables = {
        "Verdicts": _verdicts(found["verdicts"]),
        "Checks: how often each fired, and how often its verdict was the answer": found["checks"],
        "Adjustments: how often each changed the number, by how much in the middle and at most": [
            {**one, "median_change": _share(one["median_change"]), "largest_change": _share(one["largest_change"])}
            for one in found["adjustments"]
        ],
        "Problems": found["problems"],
        "Who asked": found["asked_by"] if any(one["asked_by"] for one in found["asked_by"]) else [],
    }
    for title, rows in tables.items():
        if rows:
            more = f"\nand {len(rows) - MOST_SHOWN} more: --json" if len(rows) > MOST_SHOWN else ""
            sections.append(
                strong(title)
                + "\n"
                + "\n".join(table(rows[-MOST_SHOWN:] if title == "Verdicts" else rows[:MOST_SHOWN]))
                + more
            )
    return sections


def _verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each stretch of time and decision: a column for each verdict would be too wide to be read."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault((row["time"], row["decision"]), {})
        name = row["verdict"] or "none"
        counts[name] = counts.get(name, 0) + row["count"]
    return [
        {
            "from": time.removesuffix("T00:00:00Z"),
            "decision": decision,
            "records": sum(counts.values()),
            "verdicts": ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts, key=lambda one: -counts[one])),
        }
        for (time, decision), counts in found.items()
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.3g} %"
