"""`rulecap audit policies`: which policy was in force, from when to when, and what was changed."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.usage import FINE, UsageError, add_json

if TYPE_CHECKING:
    from rulecap.audit.review.reigns import Told
    from rulecap.cli.terminal import Style

SHOWN_DIGEST = 12
MOST_SHOWN = 40


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Tell which policy decided for which account from when to when, and what each says otherwise than the last."
    parser = commands.add_parser("policies", help="which policy when", description=text, allow_abbrev=False)
    add_selection(parser)
    parser.add_argument("--files", metavar="FOLDER", help="also write the policies' files, as kept, into a new folder")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the policies, and write their files where that is asked for."""
    from rulecap.audit.review.reigns import files_of, reigns_of, told
    from rulecap.audit.review.selection import kinds_of
    from rulecap.cli.terminal import Style, print_json

    with reviewing(asked.log) as log:
        selection = selection_of(asked, log)
        reigns = reigns_of(log, kinds_of(log, selection), selection.span)
        rows = told(log, reigns)
        files = files_of(log, reigns) if asked.files is not None else {}
    if asked.files is not None:
        _write(Path(asked.files), files)
    if asked.json:
        print_json({"policies": [row.to_dict() for row in rows]})
    else:
        print("\n".join(_lines(rows, Style.of_output())) or "no record is like that")
    return FINE


def _lines(rows: "list[Told]", style: "Style") -> Iterator[str]:
    from rulecap.cli.outline import table

    for number, line in enumerate(table([_columns(row) for row in rows], widest=10_000) if rows else (), -1):
        yield line
        if number >= 0:
            yield from (f"  {text}" for text in _changes(rows[number], style))


def _columns(row: "Told") -> dict[str, Any]:
    said = row.to_dict()
    policy = said["policy"]
    shown = {"policy": f"{policy['name']} {policy['version']}".strip(), "digest": policy["digest"][:SHOWN_DIGEST]}
    return {"record": said["first"], **{key: said[key] for key in ("since", "until", "records", "account")}, **shown}


def _changes(row: "Told", style: "Style") -> Iterator[str]:
    from rulecap.problems import on_a_line

    if row.untold:
        yield style.bad(f"what it changed cannot be said: {on_a_line(row.untold)}")
    if row.changes == ():
        yield "the same but for names and explaining texts"
    for one in (row.changes or ())[:MOST_SHOWN]:
        yield on_a_line(f"{one.path}: {one.said}  [{one.is_at or one.was_at}]")
    if row.changes and len(row.changes) > MOST_SHOWN:
        yield f"and {len(row.changes) - MOST_SHOWN} more: --json"


def _write(folder: Path, policies: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write each policy's files below the first digits of its digest.

    Raises:
        UsageError: the folder is there, cannot be written, or a file of the log's would be beside it or over another.
    """
    for name in (name for files in policies.values() for name in files):
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            raise UsageError(f"the log has a policy's file that is called {name[:80]!r}: nothing is written")
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError(f"{folder} exists already: choose another name") from error
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from error
    try:
        for digest, files in policies.items():
            _write_one(folder / digest[:SHOWN_DIGEST], files)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}; {folder} is not whole") from error


def _write_one(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a policy's files into a new folder.

    Raises:
        OSError: the folder, or a file of it, is there or cannot be written.
    """
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("xb") as file:
            file.write(content)
