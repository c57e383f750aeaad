"""`rulecap audit keygen`: a new key that signs a log."""

import argparse

from rulecap.cli.usage import FINE, UsageError, add_json


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Make an Ed25519 key: the private half into a file, the public half printed, for those who verify."
    parser = commands.add_parser("keygen", help="make a signing key", description=text, allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="where the private key is written; never overwritten")
    parser.add_argument("--name", metavar="NAME", default="rulecap", help="who signs (default: %(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Write the private key, print the public one."""
    from rulecap.audit.keys import UnusableKey, write_key
    from rulecap.audit.note import NoteError, generate
    from rulecap.cli.terminal import print_json

    try:
        signer = generate(asked.name)
        write_key(asked.file, signer)
    except (NoteError, UnusableKey) as error:
        raise UsageError(str(error)) from error
    public = signer.verifier.to_text()
    if asked.json:
        print_json({"file": asked.file, "name": signer.name, "public": public})
    else:
        print(public)
    return FINE
