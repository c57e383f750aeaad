"""`rulecap audit`: the log of every decision; one file for each of its commands."""

import argparse

from rulecap.cli.audit import (
    begin,
    checkpoint,
    explain,
    export,
    history,
    keygen,
    policies,
    query,
    replay,
    rotate,
    show,
    stats,
    verify,
    why,
)

COMMANDS = (
    verify,
    replay,
    show,
    explain,
    why,
    query,
    stats,
    policies,
    history,
    export,
    checkpoint,
    keygen,
    rotate,
    begin,
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's own commands."""
    text = "Look into the log of decisions, prove it, replay it."
    parser = commands.add_parser("audit", help="the log of decisions", description=text, allow_abbrev=False)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(inner)
