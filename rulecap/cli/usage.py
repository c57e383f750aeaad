"""The exit codes, and the arguments that several commands share."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rulecap.problems import Problem

FINE, NOT_FINE = 0, 1
SHIPPED_POLICY = "default"
DEFAULT_DECISION = "position"
VENUE_OPTIONS = ("sandbox", "keys", "account", "quote", "bars", "timeframe", "timeout", "url", "deposits")


class UsageError(Exception):
    """The command was called with something that cannot be used: exit code 2."""


class NotFine(Exception):
    """What was asked about is not fine, and nothing can be answered: exit code 1, with the problems."""

    def __init__(self, problems: "Sequence[Problem]") -> None:
        """Keep the problems."""
        super().__init__()
        self.problems = tuple(problems)


class Arguments(argparse.ArgumentParser):
    """A parser, and its commands' parsers, that takes no argument that is empty for one that is left out.

    A script's variable that was never set is such a one. Where an empty one means something, say `type=str`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Have every argument without a type be something."""
        super().__init__(*arguments, **named)
        self.register("type", None, _given)

    def add_subparsers(self, **named: Any) -> Any:
        """Add commands; what stands behind one is for its own parser to look at."""
        commands = super().add_subparsers(**named)
        commands.type = str
        return commands


def _given(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is empty: leave it out, or say what is meant")
    return text


def add_evaluation(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that evaluates a snapshot."""
    parser.add_argument(
        "snapshot", metavar="SNAPSHOT", nargs="?", help="a snapshot as a JSON file, or - for standard input"
    )
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
    group = parser.add_argument_group("in place of SNAPSHOT")
    group.add_argument("--exchange", metavar="EXCHANGE", help="read the snapshot from there: ccxt's id of a venue")
    group.add_argument("--symbol", metavar="SYMBOL", help="the market, such as BTCUSDT (default: the signal's)")
    group.add_argument("--signal", metavar="FILE", help="the signal to be judged, as a JSON file, or - for input")
    add_venue(group)
    add_bars(group)


def add_bars(parser: "argparse._ActionsContainer") -> None:
    """Add the arguments that say what a market's figures are made of; what is not given is None."""
    parser.add_argument("--bars", metavar="N", help="how many bars make ATR and volatility (default: 14)")
    parser.add_argument("--timeframe", metavar="LENGTH", help="their length: 15m, 1h, 1d (default: 1h)")


def add_venue(parser: "argparse._ActionsContainer") -> None:
    """Add the arguments that say how an exchange is reached; what is not given is None."""
    parser.add_argument("--sandbox", action="store_true", default=None, help="its test or demo environment")
    parser.add_argument(
        "--keys", metavar="FILE", help="API key as JSON: key, secret (default: RULECAP_API_KEY, RULECAP_API_SECRET)"
    )
    parser.add_argument(
        "--account",
        metavar="NAME",
        help="the account's name in memory and log (default: EXCHANGE, or EXCHANGE-CURRENCY)",
    )
    parser.add_argument("--quote", metavar="CURRENCY", help="the account's currency (default: USDT)")
    parser.add_argument("--timeout", metavar="SECONDS", help="for one request (default: 10)")
    parser.add_argument("--url", metavar="URL", help="another address of it: scheme, host and port")
    text = "where what was counted of deposits is kept (default: beside a log in SQLite)"
    parser.add_argument("--deposits", metavar="FOLDER", help=text)


def add_json(parser: "argparse._ActionsContainer") -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="answer as JSON, with stable keys")
