"""An exchange as the command line names it: its settings, and the snapshot that it gives."""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rulecap.audit import LogError
from rulecap.audit.last import last_deposits
from rulecap.audit.review.scores import EntryScores, Scores
from rulecap.cli.usage import NotFine, UsageError
from rulecap.exchange import Deposits, ExchangeSettings, Extras, VenueError, open_exchange
from rulecap.exchange.errors import CALLERS
from rulecap.service.counted import Counted, counted_of
from rulecap.snapshot import Position, Snapshot

# Option of the command line -> where it stands in the settings.
PLACES = {
    "sandbox": ("sandbox",),
    "keys": ("credentials", "file"),
    "account": ("account",),
    "quote": ("quote",),
    "bars": ("bars",),
    "timeframe": ("timeframe",),
    "timeout": ("timeout_seconds",),
    "url": ("origin",),
    "deposits": ("deposits_folder",),
}


def read_venue(
    asked: argparse.Namespace, venue: str, symbol: str | None, signal: Mapping[str, Any] | None = None
) -> Snapshot:
    """Return the snapshot of an account at a venue.

    Raises:
        UsageError: no such venue, settings or keys that cannot be used, a log that cannot be read.
        NotFine: the venue gives no snapshot.
    """
    settings = settings_of(asked, venue)
    counted = _counted(settings, asked.log)

    async def read() -> Snapshot:
        async with open_exchange(settings) as exchange:
            view = await exchange.account_view(_deposits(asked.log, settings.account_name, counted))
            # Where nothing goes on record, nothing is written either.
            if counted is not None and getattr(asked, "record", False):
                counted.keep(view.deposits or Deposits.beginning(view.read_at))
            scores = _scores(asked.log, settings.account_name, [one.position for one in view.held])
            return await exchange.snapshot(symbol, signal=signal, account=view, extras=Extras(scores=scores))

    try:
        return asyncio.run(read())
    except VenueError as error:
        if error.code in CALLERS:
            raise UsageError(error.message) from None
        raise NotFine(error.problems or [error.problem()]) from None


def _counted(settings: ExchangeSettings, url: str) -> Counted | None:
    """Return what was counted of an account's deposits and withdrawals, as it is kept."""
    try:
        return counted_of(settings, url)
    except LogError as error:
        raise UsageError(str(error)) from error


def _deposits(url: str, account: str, counted: Counted | None) -> Deposits | None:
    """Return what the log knows of an account's deposits and withdrawals, to be counted on from; none without a log.

    What was paid in or out since its last record would else be taken for a profit or a loss. What is kept of
    that counting tells which entries are known.
    """
    try:
        known = last_deposits(url, account)
    except LogError as error:
        if error.code == "no-log":
            return None
        raise UsageError(str(error)) from error
    return Deposits(*known).with_kept(counted.kept if counted else ()) if known is not None else None


def _scores(url: str, account: str, positions: list[Position]) -> Scores:
    """Return the scores at which positions were entered, as the log has them; where there is no log, nobody entered."""
    try:
        return EntryScores(url, account).of(positions)
    except LogError as error:
        if error.code == "no-log":
            return {}
        raise UsageError(str(error)) from error


def settings_of(asked: argparse.Namespace, venue: str) -> ExchangeSettings:
    """Return the settings that the options say; what they leave out has its default.

    Raises:
        UsageError: one of them is not as it must be.
    """
    settings: dict[str, Any] = {"venue": venue}
    for option, (*parts, last) in PLACES.items():
        value = getattr(asked, option, None)  # not every command has every one
        place = settings
        for part in parts:
            place = place.setdefault(part, {})
        if value is not None:
            place[last] = value
    try:
        return ExchangeSettings.model_validate(settings)
    except ValidationError as error:
        raise UsageError("; ".join(f"{_option(one['loc'])}: {one['msg']}" for one in error.errors())) from None


def _option(place: tuple[int | str, ...]) -> str:
    """Return what the command line calls a place in the settings."""
    return next((f"--{option}" for option, where in PLACES.items() if where == place), "EXCHANGE")
