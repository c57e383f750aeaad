"""`rulecap audit export`: records for other programs: JSON lines, CSV, Parquet."""

import argparse
import io
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rulecap.cli.audit.common import progress
from rulecap.cli.audit.filtered import add_where, filter_of, tell_unasked
from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.usage import FINE, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rulecap.audit.log import Stored

FORMATS = ("jsonl", "csv", "parquet")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Export records, oldest first: jsonl has the exact bytes, csv and parquet flat columns."
    parser = commands.add_parser("export", help="records for other programs", description=text, allow_abbrev=False)
    add_selection(parser)
    add_where(parser)
    parser.add_argument("--format", choices=FORMATS, default="jsonl", help="(default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="where to; never overwritten (default: standard output)")
    parser.add_argument("--json", action="store_true", help="as --format jsonl, which is JSON in any case")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Write the records."""
    from rulecap.audit.review.export import columns
    from rulecap.audit.review.finding import found, way_of

    if asked.format == "parquet" and not asked.out:
        raise UsageError("a Parquet file needs a name: --out FILE")
    if asked.json and asked.format != "jsonl":
        raise UsageError(f"--json and --format {asked.format} are two formats: choose one")
    with reviewing(asked.log) as log:
        way = way_of(log, selection_of(asked, log), newest_first=False)
        where = filter_of(asked, log, way.kinds)
        named = columns(log, way.kinds) if asked.format != "jsonl" else {}
        _write(asked, found(log, way, where, progress("exporting")), named)
    tell_unasked(where)
    return FINE


def _write(asked: argparse.Namespace, records: "Iterable[Stored]", named: "Mapping[str, str]") -> None:
    from rulecap.audit.review.export import write_csv, write_jsonl, write_parquet

    with _opened(asked.out) as binary:
        try:
            if asked.format == "jsonl":
                write_jsonl(binary, records)
            elif asked.format == "parquet":
                write_parquet(binary, records, named)
            else:
                text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
                try:
                    write_csv(text, records, named)
                finally:
                    text.detach()  # written through; the file below is closed by whoever opened it
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is missing: pip install 'rulecap[review]'") from error


@contextmanager
def _opened(name: str | None) -> "Iterator[BinaryIO]":
    """Give a new file to write, or standard output.

    Raises:
        UsageError: there is a file of that name already, or it cannot be written.
    """
    if name is None:
        yield sys.stdout.buffer
        return
    try:
        with Path(name).open("xb") as file:
            try:
                yield file
            except BaseException:  # half an export would be taken for one, and its name be taken
                Path(name).unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise UsageError(f"{name} exists already: choose another name") from error
    except OSError as error:
        raise UsageError(f"cannot write {name}: {error.strerror}") from error
