"""Which positions an account holds, wherever at the venue they are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rulecap.exchange.answers import OPTION
from rulecap.exchange.calls import together
from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import number
from rulecap.exchange.positions import Holdings, check_once, held_positions, leverage_table
from rulecap.exchange.session import Session
from rulecap.exchange.symbols import is_traded, snapshot_symbol
from rulecap.exchange.unneeded import Told
from rulecap.exchange.venues import ASKED


async def held(session: Session, where: Mapping[str, Any] | None = None) -> Holdings:
    """Return the open positions in the account's currency, or where the venue is asked for them."""
    await session.markets()
    asked = session.venue.positions(session.settings.quote) if where is None else where
    return await session.ask("the positions", lambda: _held(session, asked))


async def _held(session: Session, where: Mapping[str, Any]) -> Holdings:
    """Return the open positions that are told where one asks; their leverage is asked for where they do not tell it.

    A position in a market that is not listed is looked at again once the list is read anew: ccxt has another name for
    it then. One whose market is not traded, too: it may be traded again. A leverage that cannot be asked for is what
    follows from notional and margin, and the holdings say that they are not sure of it.
    """
    reference, venue = session.reference, session.venue
    answer, markets = await _told(session, where), await reference.markets()
    listed = [markets.get(str(one.get("symbol"))) for one in answer if number(one.get("contracts")) != 0]
    if any(market is None or not is_traded(market) for market in listed):
        again = await reference.markets(lacking=True)
        if again is not markets:
            answer, markets = await _told(session, where), again
    told: Told[Mapping[str, Any]] = Told({})
    if any(number(one.get("leverage")) is None for one in answer) and session.client.has.get("fetchLeverages"):
        told = await _leverages(session)
    found = held_positions(answer, markets.get, session.settings.quote, leverage_table(told.found or {}), venue)
    return replace(found, unsure=told.unsure)


async def _told(session: Session, where: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    client, most = session.client, session.venue.most_positions
    answer: list[Mapping[str, Any]] = await client.fetch_positions(None, dict(where))
    if most is not None and len(answer) >= most:
        raise VenueError("not-supported", f"{len(answer)} positions or more: the venue's answer may be cut there")
    answer += [client.parse_position_risk(one) for one in client.left_out]
    check_once(answer)
    return [{**one, ASKED: where} for one in answer]


async def _leverages(session: Session) -> Told[Mapping[str, Any]]:
    what = "the leverage that is set"
    return await session.unneeded.told(
        "leverage-unknown", what, lambda: session.ask(what, session.client.fetch_leverages)
    )


async def held_anywhere(session: Session) -> Holdings:
    """Return all open positions of the account; one in another currency cannot be counted, and is not left out."""
    here = await held(session)  # first, and alone: where that is refused, nothing more is asked
    elsewhere = session.venue.elsewhere(session.settings.quote)
    found = [here, *await together(*(_held_elsewhere(session, where) for where in elsewhere))]
    return Holdings(
        tuple(one for part in found for one in part.held),
        tuple(one for part in found for one in part.untold),
        tuple(one for part in found for one in part.unsure),
    )


async def _held_elsewhere(session: Session, where: Mapping[str, Any]) -> Holdings:
    """Return the positions in another currency; where it is not known whether there are any, that is told."""
    try:
        return await held(session, where)
    except VenueError as error:
        if error.code != "venue-auth" or where.get("type") != OPTION:
            return Holdings((), (error,))
    # A key for futures alone is what an account is to be read with.
    session.remarks.options_untold()
    return Holdings(())


async def symbol_held(session: Session, name: str, positions: Holdings) -> str:
    """Return the snapshot's symbol of a position's market, which need not be listed or traded any more."""
    if any(one.position.symbol == name for one in positions.held):
        return name
    try:
        return snapshot_symbol(await session.market(name, traded=False))
    except VenueError:
        positions.all()  # the name may be that of a position which cannot be counted, and says why
        raise


def sizes(positions: Holdings) -> list[tuple[object, ...]]:
    """Return what makes two readings of the positions the same."""
    told = [(one.position.symbol, one.position.side, one.contracts) for one in positions.held]
    return [*told, *((error.code, error.message) for error in positions.untold)]
