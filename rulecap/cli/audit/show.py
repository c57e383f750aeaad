"""`rulecap audit show`: a record as it is stored, and the proof that it is in the log."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import add_log, found, reading
from rulecap.cli.usage import FINE, NOT_FINE, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit.record import Record
    from rulecap.audit.review.proof import Proof
    from rulecap.cli.terminal import Style


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Show a record; --json prints exactly the bytes that were hashed, --proof what proves it without the log."
    parser = commands.add_parser("show", help="show a record", description=text, allow_abbrev=False)
    parser.add_argument("id", metavar="ID", help="the record's id or number")
    add_log(parser)
    parser.add_argument("--proof", action="store_true", help="print the proof that it is in the log, as JSON")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the record; not fine where the log's head does not prove it."""
    from rulecap.audit.review.proof import proof_of
    from rulecap.cli.terminal import Style, print_json

    with reading(asked.log) as log:
        record = found(log, asked.id)
        proof = proof_of(log, record)
    if asked.proof:
        print_json(proof.to_dict() if proof else {"holds": False})
    elif asked.json:
        _print_exactly(record.body)
    else:
        print(_as_text(record, proof, Style.of_output()))
    return FINE if proof and proof.holds else NOT_FINE


def _print_exactly(body: bytes) -> None:
    """Print the bytes and a newline, whatever characters the terminal has; a hash of them has to come out."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body + b"\n")


def _as_text(record: "Record", proof: "Proof | None", style: "Style") -> str:
    from rulecap.audit.record import DamagedRecord
    from rulecap.cli.outline import outline

    try:
        fields = dict(record.fields)
        snapshot = fields["snapshot"]
    except DamagedRecord as error:
        return style.bad(str(error))
    if not isinstance(snapshot, dict):
        fields["snapshot"] = json.dumps(snapshot)
    elif isinstance(book := snapshot.get("book"), dict):
        levels = {side: how_many(len(rows), "level") if isinstance(rows, list) else rows for side, rows in book.items()}
        fields["snapshot"] = {**snapshot, "book": levels}
    proven = proof is not None and proof.holds
    verdict = style.good("it is in the log") if proven else style.bad("the log's head does not prove it")
    size = f" of {how_many(proof.head.size, 'record')}" if proof else ""
    return "\n".join([*outline(fields), "", f"{verdict}{size}; {how_many(len(record.body), 'byte')}"])
