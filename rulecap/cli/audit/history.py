"""`rulecap audit history`: an account's state over time, as a table or as a picture."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import print_csv, progress
from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.usage import FINE, UsageError, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from datetime import timedelta

    from rulecap.audit.review.history import History


WIDEST = 160


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Show what the policy's `history` names over time: equity, drawdown, margin; as a table or a picture."
    parser = commands.add_parser("history", help="an account over time", description=text, allow_abbrev=False)
    add_selection(parser)
    parser.add_argument("--every", metavar="SPAN", help="one point for each span: 15m, 1h, 1d (default: every record)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--picture", metavar="FILE", help="draw it into a new .png or .svg file")
    form.add_argument("--csv", action="store_true", help="answer as CSV")
    add_json(form)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the history, or draw it."""
    from rulecap.audit.review.finding import found, way_of
    from rulecap.audit.review.history import account_of, history_of, policy_of

    every = _span(asked.every)
    picture = _picture(asked.picture)
    with reviewing(asked.log) as log:
        way = way_of(log, selection_of(asked, log), newest_first=False)
        account, policy = account_of(way.kinds), policy_of(log, way.kinds, way.span)
        history = history_of(found(log, way, None, progress("reading")), account, policy, every)
    if picture is not None:
        _draw(history, picture)
    else:
        _print(asked, history)
    return FINE


def _span(text: str | None) -> "timedelta | None":
    from rulecap.audit.review.moments import NoMoment, length

    try:
        return None if text is None else length(text)
    except NoMoment as error:
        raise UsageError(f"--every: {error}") from error


def _picture(name: str | None) -> Path | None:
    from rulecap.audit.review.picture import FORMATS

    if name is None:
        return None
    path = Path(name)
    if path.suffix not in FORMATS:
        raise UsageError(f"--picture draws {' and '.join(FORMATS)} files, not {name}")
    if path.exists():
        raise UsageError(f"{name} exists already: choose another name")
    return path


def _draw(history: "History", path: Path) -> None:
    from rulecap.audit.review.picture import draw
    from rulecap.problems import on_a_line

    whole, letters = False, ""
    try:
        letters = draw(history, path)
        whole = True
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: pip install 'rulecap[review]'") from error
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if not whole:  # half a picture would keep its name taken
            _remove(path)
    points = how_many(len(history.points), "point")
    print(on_a_line(f"{path}: {points} of {history.account}"))
    if letters:
        codes = ", ".join(f"{letter} is {letter.encode('unicode_escape').decode()}" for letter in letters)
        print(
            f"rulecap: letters that the picture's font lacks stand as codes ({codes}); an .svg has them",
            file=sys.stderr,
        )


def _remove(path: Path) -> None:
    with suppress(OSError):  # why nothing could be written there is what is said
        path.unlink()


def _print(asked: argparse.Namespace, history: "History") -> None:
    from rulecap.cli.outline import table
    from rulecap.cli.terminal import print_json

    rows = list(history.rows())
    if asked.json:
        panels = [{"name": one.shown.name, "title": one.shown.title, "unit": one.shown.unit} for one in history.panels]
        print_json({"account": history.account, "policy": history.policy, "panels": panels, "points": rows})
    elif asked.csv:
        print_csv(rows[0] if rows else ["time"], (row.values() for row in rows))
    else:
        print(
            "\n".join(table([_short(row, history) for row in rows], WIDEST))
            if rows
            else "no record has what is shown here"
        )


def _short(row: dict[str, object], history: "History") -> dict[str, object]:
    """Return a row as a person reads it: numbers with their units, times to the second."""
    from rulecap.language.values import show

    units = {label: panel.shown.unit for panel in history.panels for label in panel.shown.lines}
    shown = {name: show(value, units.get(name)) for name, value in row.items() if name not in ("time", "record")}
    return {"time": f"{str(row['time'])[:19]}Z", **shown}
