"""`rulecap serve`: the decisions over HTTP."""

import argparse
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import DEFAULT_LOG, VARIABLE
from rulecap.cli.usage import FINE, NOT_FINE, UsageError

if TYPE_CHECKING:
    from rulecap.service.settings import ServiceSettings

log = logging.getLogger("rulecap.service")
GIVEN = ("host", "port", "root_path", "policy", "log", "keys", "log_level", "log_format")
EXTRA = "the service needs more packages: pip install 'rulecap[service]'"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Serve the decisions over HTTP. Flags come before the environment (RULECAP_SERVE_PORT), then comes the file."
    parser = commands.add_parser("serve", help="serve over HTTP", description=text, allow_abbrev=False)
    parser.add_argument("--demo", action="store_true", help="serve a recorded account, stamped as of now")
    parser.add_argument("--exchange", metavar="EXCHANGE", help="ccxt's id of the venue to read, such as binanceusdm")
    parser.add_argument("--sandbox", action="store_true", help="with --exchange: its test or demo environment")
    parser.add_argument("--settings", metavar="FILE", type=Path, help="settings as YAML")
    parser.add_argument("--host", metavar="H", help="where to listen (127.0.0.1); elsewhere only with --keys")
    parser.add_argument("--port", metavar="N", type=int, help="the port (8000)")
    text = "below which path a proxy serves it, and takes it off, such as /risk; /openapi.json names it"
    parser.add_argument("--root-path", metavar="PATH", help=text)
    parser.add_argument("--policy", metavar="P", help="folder, overlay file or shipped name (default)")
    text = f"the audit log: sqlite:///FILE or postgresql://… (default: {VARIABLE}, else {DEFAULT_LOG})"
    parser.add_argument("--log", metavar="URL", help=text)
    parser.add_argument("--keys", metavar="FILE", type=Path, help="API keys, as `rulecap keys` makes them")
    parser.add_argument("--log-level", metavar="L", help="debug, info, warning or error (info)")
    parser.add_argument("--log-format", metavar="F", help="text or json (text)")
    parser.set_defaults(run=run, json=False)


def run(asked: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        UsageError: the settings, the keys or the log cannot be used.
        PolicyError: the policy cannot.
    """
    settings = _settings(asked)

    from rulecap.service.hangup import survive_until_running

    survive_until_running()

    from rulecap.audit import LogError, UnusableKey
    from rulecap.service.keys import UnusableKeys
    from rulecap.service.logs import set_up, written
    from rulecap.service.running import serve
    from rulecap.service.settings import BadSettings

    set_up(settings.log_level, settings.log_format == "json")
    for variable, setting in _slips():
        log.warning("%s is no setting: is %s meant?", variable, setting, extra={"code": "unknown-setting"})
    try:
        return FINE if serve(settings, _told) else NOT_FINE
    except (UnusableKeys, BadSettings, LogError, UnusableKey) as error:
        raise UsageError(str(error)) from error
    finally:
        written()


def _settings(asked: argparse.Namespace) -> "ServiceSettings":
    """Return the settings.

    Raises:
        UsageError: they cannot be used, or the packages are not there.
    """
    try:
        from rulecap.service.settings import BadSettings, read_settings
    except ImportError as error:
        raise UsageError(f"{EXTRA} ({error.name} is missing)") from error
    if asked.sandbox and asked.exchange is None:
        raise UsageError("--sandbox: only with --exchange")
    given = {name: getattr(asked, name) for name in GIVEN}
    if asked.exchange is not None:  # the rest of it may stand in the file
        given["exchange"] = {"venue": asked.exchange, **({"sandbox": True} if asked.sandbox else {})}
    try:
        settings = read_settings(asked.settings, **given, demo=asked.demo or None)
    except BadSettings as error:
        raise UsageError(str(error)) from error
    common = os.environ.get(VARIABLE)
    if settings.log is None and not settings.demo and common:  # the log that a monitor beside it writes
        return settings.model_copy(update={"log": common})
    return settings


def _slips() -> Iterator[tuple[str, str]]:
    """Yield variables that look like settings and are none, with the nearest; others may be an orchestrator's."""
    from rulecap.problems import nearest
    from rulecap.service.settings import PREFIX, ServiceSettings

    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in ServiceSettings.model_fields:
            near = nearest(name, ServiceSettings.model_fields)
            if near is not None:
                yield variable, PREFIX + near.upper()


def _told(address: str) -> None:
    print(f"listening on {address}", flush=True)
