"""Which positions an account holds, wherever at the venue they are."""

from collections.abc import Mapping
from typing import Any

from rulecap.exchange import reading
from rulecap.exchange.calls import together
from rulecap.exchange.errors import VenueError
from rulecap.exchange.positions import Holdings
from rulecap.exchange.session import Session
from rulecap.exchange.symbols import snapshot_symbol
from rulecap.exchange.unneeded import Told
from rulecap.exchange.venues import OPTION


async def held(session: Session, where: Mapping[str, Any] | None = None) -> Holdings:
    """Return the open positions in the account's currency, or where the venue is asked for them."""
    await session.markets()
    client, venue, quote = session.client, session.venue, session.settings.quote
    asked = venue.positions(quote) if where is None else where

    async def leverages() -> Told[Mapping[str, Any]]:
        what = "the leverage that is set"
        return await session.unneeded.told("leverage-unknown", what, lambda: session.ask(what, client.fetch_leverages))

    return await session.ask(
        "the positions",
        lambda: reading.positions(client, venue, session.reference, quote, asked, leverages),
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
