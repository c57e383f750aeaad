"""`rulecap audit replay`: whether recorded decisions come out the same again."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import add_log, check_decides, found, is_of_no_decision, progress, reading
from rulecap.cli.usage import FINE, NOT_FINE, add_json

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.record import Record


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Compute recorded decisions again, from record and stored policy alone, and compare every byte."
    parser = commands.add_parser("replay", help="compute decisions again", description=text, allow_abbrev=False)
    parser.add_argument("ids", metavar="ID", nargs="*", help="which records (default: all)")
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print each record that comes out otherwise, and where the difference begins."""
    from rulecap.cli.audit.replayed import Replay
    from rulecap.cli.terminal import Style, print_json

    replay = Replay()
    with reading(asked.log) as log:
        show, total = progress("replaying"), len(asked.ids) or log.head().size
        for record in _records(log, asked.ids):
            replay.add(log, record)
            if show:
                show(replay.replayed, total)
    if asked.json:
        print_json(replay.to_dict())
    else:
        print("\n".join(replay.lines(Style.of_output())))
    return FINE if not replay.differ else NOT_FINE


def _records(log: "Log", ids: list[str]) -> "Iterator[Record]":
    if not ids:
        log.database.look()
        yield from (stored.record for stored in log.stored() if not is_of_no_decision(stored.record))
        return
    for name in ids:
        record = found(log, name)
        check_decides(record)
        yield record
