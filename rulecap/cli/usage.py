"""The exit codes, and the arguments that several commands share."""

import argparse

FINE, NOT_FINE = 0, 1
SHIPPED_POLICY = "default"
DEFAULT_DECISION = "position"


class UsageError(Exception):
    """The command was called with something that cannot be used: exit code 2."""


def add_evaluation(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that evaluates a snapshot."""
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="a snapshot as a JSON file, or - for standard input")
    parser.add_argument(
        "--policy",
        metavar="P",
        default=SHIPPED_POLICY,
        help="folder, overlay file or shipped name (default: %(default)s)",
    )
    parser.add_argument(
        "--decision", metavar="D", default=DEFAULT_DECISION, help="which decision is asked for (default: %(default)s)"
    )
    parser.add_argument("--memory", metavar="FILE", help="what the policy remembers, as a JSON file")
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="answer as JSON, with stable keys")
