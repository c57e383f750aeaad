"""`rulecap monitor`: an account watched and recorded, changes told, reductions sent where that is asked for."""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, NOT_FINE, SHIPPED_POLICY, UsageError, add_json, add_venue

if TYPE_CHECKING:
    from collections.abc import Callable

    from rulecap.exchange import ExchangeSettings
    from rulecap.monitor.report import Report
    from rulecap.monitor.running import Wanted
    from rulecap.monitor.settings import MonitorSettings
    from rulecap.monitor.webhook import Webhook

Number = TypeVar("Number", int, float)
WEBHOOK_VARIABLE = "RULECAP_WEBHOOK"
SECRET_VARIABLE = "RULECAP_WEBHOOK_SECRET"  # its name
EXTRA = "the monitor needs more packages: pip install 'rulecap[exchange,service]'"
ORDERS_SHOWN = 100


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Watch an account: decide and record every half minute, tell what changes, send reductions with --execute."
    parser = commands.add_parser("monitor", help="watch an account", description=text, allow_abbrev=False)
    parser.add_argument("exchange", metavar="EXCHANGE", nargs="?", help="ccxt's id of a venue, such as binanceusdm")
    parser.add_argument("--demo", action="store_true", help="watch the recorded account in place of an EXCHANGE")
    parser.add_argument(
        "--policy", metavar="P", default=SHIPPED_POLICY, help="folder, overlay file or shipped name (%(default)s)"
    )
    add_log(parser)
    parser.add_argument("--journal", metavar="FILE", type=Path, help="orders and notices (default: beside the log)")
    parser.add_argument("--every", metavar="SECONDS", type=_seconds, help="between two passes (30)")
    parser.add_argument("--once", action="store_true", help="one pass, for cron; exit 1 where it was not fine")
    parser.add_argument("--orders", action="store_true", help="print the journal's orders, and do nothing else")
    _add_execution(parser)
    _add_telling(parser)
    add_venue(parser.add_argument_group("the exchange"))
    add_json(parser)
    parser.set_defaults(run=run)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("orders")
    group.add_argument("--execute", action="store_true", help="send the policy's reductions as reduce-only orders")
    group.add_argument("--max-actions-per-hour", metavar="N", type=_count, help="the most orders in an hour (30)")
    group.add_argument("--cancel-after", metavar="SECONDS", type=_seconds, help="an order that stays open (60)")


def _add_telling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("telling")
    group.add_argument("--webhook", metavar="URL", help=f"where changes are posted ({WEBHOOK_VARIABLE})")
    group.add_argument(
        "--webhook-secret-file", metavar="FILE", type=Path, help=f"what they are signed with ({SECRET_VARIABLE})"
    )
    group.add_argument(
        "--heartbeat",
        metavar="FILE|URL",
        type=_heartbeat,
        action="append",
        default=[],
        help="written or asked after each good pass",
    )
    group.add_argument("--stale-after", metavar="SECONDS", type=_seconds, help="without a reading it is told (90)")
    group.add_argument("--metrics-port", metavar="N", type=_port, help="answer Prometheus there, on loopback")
    group.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="(info; with --once error)")
    group.add_argument("--log-format", choices=("text", "json"), default="text", help="(%(default)s)")


def run(asked: argparse.Namespace) -> int:
    """Watch until told to stop, or once.

    Raises:
        UsageError: something of it cannot be used.
        PolicyError: the policy cannot.
    """
    import asyncio

    wanted = _wanted(asked)
    if asked.orders:
        return _print_orders(asked, wanted.journal)

    from rulecap.service.hangup import survive_until_running

    survive_until_running()

    from rulecap.audit import LogError, UnusableKey
    from rulecap.exchange import VenueError
    from rulecap.monitor.journal import JournalError
    from rulecap.monitor.lock import AlreadyRunning
    from rulecap.monitor.running import look_once, watch
    from rulecap.service.logs import set_up, written

    set_up(asked.log_level or ("error" if asked.once else "info"), asked.log_format == "json")
    fine = True

    def seen(report: "Report") -> None:
        nonlocal fine
        fine = report.ok
        _print(asked, report)

    try:
        asyncio.run(look_once(wanted, seen) if asked.once else watch(wanted, seen))
    except (AlreadyRunning, JournalError, LogError, UnusableKey, VenueError, OSError) as error:
        raise UsageError(str(error)) from error
    finally:
        written()
    return FINE if fine or not asked.once else NOT_FINE


def _wanted(asked: argparse.Namespace) -> "Wanted":
    if asked.demo is (asked.exchange is not None):
        raise UsageError("name an EXCHANGE, or watch the recorded account with --demo")
    if asked.demo and asked.execute:
        raise UsageError("--execute sends orders to an EXCHANGE; the demo has none")
    try:
        from rulecap.monitor.running import Wanted
    except ImportError as error:
        raise UsageError(f"{EXTRA} ({error.name} is missing)") from error
    exchange = _exchange(asked)
    settings = _settings(asked)
    journal = asked.journal or _journal(settings.log, exchange.account_name if exchange else "demo")
    heartbeats = tuple(asked.heartbeat)
    return Wanted(settings, journal, exchange, _webhook(asked), heartbeats, asked.metrics_port)


def _settings(asked: argparse.Namespace) -> "MonitorSettings":
    from rulecap.monitor.settings import LEDGER_SECONDS, ONCE_LEDGER_SECONDS, MonitorSettings

    given = {
        "every_seconds": asked.every,
        "stale_seconds": asked.stale_after,
        "most_orders_per_hour": asked.max_actions_per_hour,
        "cancel_seconds": asked.cancel_after,
    }
    return MonitorSettings(
        log=asked.log,
        policy=asked.policy,
        execute=asked.execute,
        ledger_seconds=ONCE_LEDGER_SECONDS if asked.once else LEDGER_SECONDS,
        **{name: value for name, value in given.items() if value is not None},
    )


def _exchange(asked: argparse.Namespace) -> "ExchangeSettings | None":
    if asked.demo:
        return None
    from rulecap.cli.venue import settings_of

    return settings_of(asked, asked.exchange)


def _journal(log: str, account: str) -> Path:
    from rulecap.audit import LogError
    from rulecap.monitor.settings import journal_beside

    try:
        path = journal_beside(log, account)
    except LogError as error:
        raise UsageError(error.reason) from error
    if path is None:
        raise UsageError("the log is no SQLite file that a journal could lie beside: name one with --journal FILE")
    return path


def _webhook(asked: argparse.Namespace) -> "Webhook | None":
    from rulecap.monitor.webhook import Webhook, is_address

    address = os.environ.get(WEBHOOK_VARIABLE) or None if asked.webhook is None else asked.webhook
    if address is None:
        return None
    if not is_address(address):
        raise UsageError("--webhook takes an address such as https://example.com/hook")
    if asked.webhook_secret_file is None:
        return Webhook(address, os.environ.get(SECRET_VARIABLE, "").encode())
    try:
        secret = asked.webhook_secret_file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"cannot read {asked.webhook_secret_file}: {error.strerror}") from error
    if not secret:
        raise UsageError(f"{asked.webhook_secret_file} is empty: it holds what notices are signed with")
    return Webhook(address, secret)


def _print(asked: argparse.Namespace, report: "Report") -> None:
    from rulecap.cli.monitored import report_as_text
    from rulecap.cli.terminal import Style, print_json

    if asked.json and asked.once:
        print_json(report.to_dict())
    elif asked.json:  # one line for each pass
        print_json(report.to_dict(), indent=None)
        sys.stdout.flush()
    elif asked.once:
        print("\n".join(report_as_text(report, Style.of_output())))


def _print_orders(asked: argparse.Namespace, path: Path) -> int:
    from rulecap.cli.monitored import orders_as_text
    from rulecap.cli.terminal import print_json
    from rulecap.monitor.journal import Journal, JournalError
    from rulecap.monitor.orders import Orders

    if not path.is_file():
        raise UsageError(f"there is no journal {path}")
    try:
        journal = Journal(path, reading=True)
        try:
            orders = Orders(journal).latest(ORDERS_SHOWN)
        finally:
            journal.close()
    except JournalError as error:
        raise UsageError(str(error)) from error
    told: list[dict[str, Any]] = [one.to_dict() for one in orders]
    if asked.json:
        print_json({"orders": told})
    else:
        print("\n".join(orders_as_text(orders)))
    return FINE


def _heartbeat(text: str) -> str:
    """Return a file or an address; what was meant for an address is no file, whose name would be logged."""
    begins = urlsplit(text)
    address = begins.scheme in ("http", "https") and bool(begins.hostname)
    if not address and (len(begins.scheme) > 1 or not Path(text).name):
        raise argparse.ArgumentTypeError("a file, or an address such as https://example.com/ping")
    return text


def _seconds(text: str) -> float:
    value = _number(float, text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError("more than 0 seconds")
    return value


def _count(text: str) -> int:
    value = _number(int, text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return value


def _port(text: str) -> int:
    value = _number(int, text)
    if not 0 <= value < 2**16:
        raise argparse.ArgumentTypeError("a port is 0 to 65535")
    return value


def _number(kind: "Callable[[str], Number]", text: str) -> "Number":
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
