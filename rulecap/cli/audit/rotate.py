"""`rulecap audit rotate`: from one signing key to the next."""

import argparse

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, UsageError, add_json


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Hand a log over from the key that signs it to a new one, by a checkpoint that both sign and the log keeps."
    parser = commands.add_parser("rotate", help="hand over to a new key", description=text, allow_abbrev=False)
    add_log(parser)
    parser.add_argument("--from", dest="old", metavar="KEY", required=True, help="the private key that signs now")
    parser.add_argument("--to", dest="new", metavar="KEY", required=True, help="the private key that signs from now on")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Write the handover into the log, and print it: who keeps checkpoints should keep this one."""
    from rulecap.audit import LogError, UnusableKey
    from rulecap.audit.keys import read_signer
    from rulecap.audit.note import NoteError
    from rulecap.audit.opening import rotate
    from rulecap.cli.terminal import print_json

    try:
        old, new = read_signer(asked.old), read_signer(asked.new)
        note = rotate(asked.log, old, new)
    except (LogError, UnusableKey, NoteError) as error:
        raise UsageError(str(error)) from error
    if asked.json:
        print_json({"from": old.verifier.to_text(), "to": new.verifier.to_text(), "note": note})
    else:
        print(note, end="")
    return FINE
