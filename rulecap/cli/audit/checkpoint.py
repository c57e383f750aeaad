"""`rulecap audit checkpoint`: the log's head in a form that somebody else can keep."""

import argparse
import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from rulecap.cli.audit.common import add_log, reading
from rulecap.cli.usage import FINE, NOT_FINE, UsageError, add_json
from rulecap.plural import how_many


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = (
        "Print the log's head as a checkpoint (C2SP), signed if the log is, to be kept where its writer cannot reach."
    )
    parser = commands.add_parser("checkpoint", help="print the log's head", description=text, allow_abbrev=False)
    add_log(parser)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--out", metavar="FILE", help="append it to a file instead")
    since = "print the proof that the log of so many records is the start of this one (RFC 6962), as JSON"
    instead.add_argument("--since", metavar="SIZE", type=int, help=since)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the checkpoint, or append it to a file, or prove that it grew out of an earlier one."""
    from rulecap.audit.witness import is_signed, origin_of
    from rulecap.cli.terminal import print_json
    from rulecap.problems import plain

    if asked.since is not None:
        return _prove(asked.log, asked.since)
    with reading(asked.log) as log:
        head = log.head()
    if asked.out is not None:
        try:
            _keep(Path(asked.out), head.note.encode())
        except OSError as error:
            raise UsageError(f"cannot write {asked.out}: {error.strerror}") from error
    if asked.json:
        about = {"origin": origin_of(head.id), "size": head.size, "root": head.root.hex()}
        print_json({**about, "signed": is_signed(head.note), "note": head.note})
    elif asked.out is None:
        # A note that somebody altered may hold what a terminal obeys; whoever keeps one is given it byte for byte.
        print(plain(head.note) if sys.stdout.isatty() else head.note, end="")
    return FINE


def _keep(path: Path, note: bytes) -> None:
    """Append a checkpoint to those that are kept in a file; of one that cannot be kept whole, blank lines are left.

    The file is never cut: what others have appended meanwhile would go too. Blank lines are no part of a checkpoint.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("ab", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe or a terminal keeps nothing
            file.write(note)
            return
        text = note if _ends_a_line(path) else b"\n" + note
        written = file.write(text)
        try:
            if written != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            _blank(path, file.tell() - written, written)  # wherever the end was when it was appended
            raise


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _blank(path: Path, begin: int, length: int) -> None:
    """Leave blank lines for a piece; in a file that can only be appended to it stays, and `verify` names it."""
    with suppress(PermissionError), path.open("r+b", buffering=0) as file:
        file.seek(begin)
        file.write(b"\n" * length)


def _prove(url: str, size: int) -> int:
    from rulecap.audit.review.proof import growth_of
    from rulecap.cli.terminal import print_json

    with reading(url) as log:
        if not 0 <= size <= log.head().size:
            raise UsageError(f"the log has {how_many(log.head().size, 'record')}, and never had {size:,}")
        proof = growth_of(log, size)
    print_json(proof.to_dict())
    return FINE if proof.holds else NOT_FINE
