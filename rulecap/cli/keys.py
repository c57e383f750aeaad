"""`rulecap keys`: the API keys of the service."""

import argparse
from pathlib import Path

from rulecap.cli.usage import FINE, UsageError, add_json

SCOPES = ("read", "recommend", "admin")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's own commands."""
    text = "Make, list and revoke the API keys of `rulecap serve`. The file keeps their hashes; a key is shown once."
    parser = commands.add_parser("keys", help="API keys of the service", description=text, allow_abbrev=False)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    new = inner.add_parser("new", help="make a key", allow_abbrev=False)
    new.add_argument("file", metavar="FILE", type=Path, help="the file of keys; begun where there is none")
    new.add_argument("--id", metavar="NAME", dest="name", required=True, help="who holds it: small letters, digits, -")
    new.add_argument("--scope", choices=SCOPES, action="append", required=True, help="what it may; several times")
    _add(new, run_new)
    revoke = inner.add_parser("revoke", help="revoke a key", allow_abbrev=False)
    revoke.add_argument("file", metavar="FILE", type=Path)
    revoke.add_argument("name", metavar="NAME", help="its name")
    _add(revoke, run_revoke)
    listed = inner.add_parser("list", help="list keys", allow_abbrev=False)
    listed.add_argument("file", metavar="FILE", type=Path)
    _add(listed, run_list)


def _add(parser: argparse.ArgumentParser, run: object) -> None:
    add_json(parser)
    parser.set_defaults(run=run)


def run_new(asked: argparse.Namespace) -> int:
    """Make a key and print it, the only time that it is shown."""
    from rulecap.cli.terminal import print_json
    from rulecap.service.keys import UnusableKeys, add_key

    try:
        token = add_key(asked.file, asked.name, tuple(dict.fromkeys(asked.scope)))
    except UnusableKeys as error:
        raise UsageError(str(error)) from error
    if asked.json:
        print_json({"id": asked.name, "scopes": list(dict.fromkeys(asked.scope)), "key": token})
    else:
        print(token)
    return FINE


def run_revoke(asked: argparse.Namespace) -> int:
    """Mark a key as revoked; a running service sees it within a second or so."""
    from rulecap.cli.terminal import print_json
    from rulecap.service.keys import UnusableKeys, revoke_key

    try:
        revoke_key(asked.file, asked.name)
    except UnusableKeys as error:
        raise UsageError(str(error)) from error
    if asked.json:
        print_json({"id": asked.name, "revoked": True})
    else:
        print(f"{asked.name} is revoked")
    return FINE


def run_list(asked: argparse.Namespace) -> int:
    """Print the keys' names, scopes, and which are revoked."""
    from rulecap.cli.outline import table
    from rulecap.cli.terminal import print_json
    from rulecap.service.keys import UnusableKeys, read_keys

    try:
        keys = read_keys(asked.file).keys
    except UnusableKeys as error:
        raise UsageError(str(error)) from error
    told = [{"id": key.id, "scopes": list(key.scopes), "revoked": key.revoked} for key in keys]
    if asked.json:
        print_json({"keys": told})
    elif told:
        print("\n".join(table(told)))
    return FINE
