"""`rulecap audit begin`: a new log that goes on where another one ends."""

import argparse
import sys

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, UsageError, add_json


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Begin a log with the memories of another one, so that the old one can be closed and put away."
    parser = commands.add_parser("begin", help="go on in a new log", description=text, allow_abbrev=False)
    parser.add_argument("--after", metavar="URL", required=True, help="the log that it follows")
    parser.add_argument("--key", metavar="KEY", help="the private key that signs it (default: RULECAP_SIGNING_KEY)")
    instead = "give up the log of this id, which was begun to follow the same one, for this one"
    parser.add_argument("--instead", metavar="ID", help=instead)
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Write the new log's first record."""
    from rulecap.audit import LogError, UnusableKey, open_log
    from rulecap.audit.opening import begin
    from rulecap.audit.witness import ORIGIN, is_signed
    from rulecap.cli.terminal import print_json

    try:
        head, unmarked = begin(asked.log, asked.after, asked.key, (asked.instead or "").removeprefix(ORIGIN))
        with open_log(asked.after) as old:
            forgotten, followed = is_signed(old.head().note) and not is_signed(head.note), old.database.where
    except (LogError, UnusableKey) as error:
        raise UsageError(str(error)) from error
    if asked.json:
        print_json({"log": head.id, "size": head.size, "root": head.root.hex()})
    else:
        print(f"log {head.id} follows {followed}; its first record carries the memories over")
    if forgotten:
        print(f"rulecap: {followed} is signed, and this log is not: no key was given (--key)", file=sys.stderr)
    if unmarked is not None:
        said = f"{followed} does not say that this log follows it, so that another one may, too: {unmarked}"
        print(f"rulecap: {said}", file=sys.stderr)
    return FINE
