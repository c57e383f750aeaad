"""Sending a reduce-only order, once, and looking one up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from rulecap.exchange.calls import attempt
from rulecap.exchange.errors import VenueError
from rulecap.exchange.holding import held, symbol_held
from rulecap.exchange.markets import contract_size
from rulecap.exchange.numbers import exact, product
from rulecap.exchange.orders import (
    CLOSING_SIDE,
    OrderState,
    Reduction,
    contracts_text,
    order_state,
    position_to_reduce,
)
from rulecap.exchange.positions import Held
from rulecap.exchange.session import Session
from rulecap.exchange.symbols import snapshot_symbol
from rulecap.exchange.unlisted import check_listed
from rulecap.exchange.venues import Venue

# After these nobody knows whether the venue took the order. A venue that is asked too often did not look at it.
UNCERTAIN = frozenset({"venue-timeout", "venue-down", "half-an-answer", "venue-error"})


def check_orders(venue: Venue, name: str) -> None:
    """Refuse to send an order that nobody could ask about afterwards.

    Raises:
        VenueError: `not-supported`.
    """
    if not venue.finds_orders:
        text = f"no order is sent to {name}: it is not known to find one by our name, so that none could be followed up"
        raise VenueError("not-supported", text)


async def place_reduction(
    session: Session, wanted: Reduction, client_order_id: str, within_seconds: float | None
) -> OrderState:
    """Send a reduce-only market order, once; see `Exchange.place_reduction`."""
    try:
        async with asyncio.timeout(within_seconds):
            positions = await held(session)
            symbol = await symbol_held(session, wanted.symbol, positions)
    except TimeoutError:
        text = f"what is held in {wanted.symbol} was not read within {within_seconds:g} s: nothing was sent"
        raise VenueError("too-late", text) from None
    position = position_to_reduce(positions, symbol, wanted.side)
    quantity = wanted.left(position.position.quantity)
    sending = reduction(session.client, session.venue, position, quantity, client_order_id)
    # Asked once: a second order would reduce twice.
    state, failure = await attempt(f"the order {client_order_id}", session.rest.kept(sending), session.keys.redacted)
    if failure is not None or state is None:
        said = _of_an_order(failure or VenueError("half-an-answer", "there is no answer"))
        session.rest.note(said)
        if said.code in ("order-refused", "unknown-symbol"):
            session.reference.doubt_markets()  # trading may have ended there since they were listed
        raise said
    return state


def reduction(
    client: Any, venue: Venue, reduced: Held, quantity: float, client_order_id: str
) -> Callable[[], Awaitable[OrderState]]:
    """Return what sends a market order that can only reduce the position, and gives the venue's first answer.

    In hedge mode the order names the position's side; else it is marked reduce-only.

    Raises:
        VenueError: as `check_listed` and `contracts_text` say; nothing is sent then.
    """
    position, market = reduced.position, reduced.market
    check_listed(market)
    contracts = contracts_text(quantity, reduced, client.precisionMode, venue)
    side = CLOSING_SIDE[position.side]
    parameters = {"reduceOnly": True, "hedged": bool(reduced.hedged), "clientOrderId": client_order_id}
    if venue.mode_in_order and reduced.mode is not None:
        parameters["marginMode"] = reduced.mode

    async def send() -> OrderState:
        answer = await client.create_order(market["symbol"], "market", side, contracts, None, parameters)
        state = order_state(answer, position.symbol, market, client_order_id)
        # An acknowledgement may hold nothing but an id.
        sent = product(exact(contracts), contract_size(market)) if state.quantity is None else state.quantity
        return replace(state, side=side, quantity=sent)

    return send


def _of_an_order(failure: VenueError) -> VenueError:
    """Return what a failure means for the order that was sent."""
    # The venue looked at it, and has no better name for why. In an answer that is fine for HTTP, an error may be the
    # venue's own: Bybit says there that it ran out of time.
    unnamed = failure.code == "venue-error" and failure.status is not None and 400 <= failure.status < 500
    if unnamed or (failure.refusal and failure.code in UNCERTAIN):
        return VenueError("order-refused", failure.message)
    if failure.code not in UNCERTAIN:
        return failure
    text = f"{failure.message}; whether the venue took it is not known: look it up before sending another"
    return VenueError("order-uncertain", text)


async def order(session: Session, client_order_id: str, symbol: str) -> OrderState:
    """Return what became of an order; see `Exchange.order`."""
    await _signed_in_time(session)
    market = await session.market(symbol, traded=False)  # an order outlives trading
    return await session.ask(
        f"the order {client_order_id}", lambda: find_order(session.client, session.venue, market, client_order_id)
    )


async def cancel(session: Session, client_order_id: str, symbol: str) -> None:
    """Cancel an order by our name for it; see `Exchange.cancel`."""
    await _signed_in_time(session)
    market = await session.market(symbol, traded=False)  # an order outlives trading
    await session.ask(
        f"the order {client_order_id}", lambda: cancel_order(session.client, session.venue, market, client_order_id)
    )


async def _signed_in_time(session: Session) -> None:
    """Have the venue's time known where it is told: what is asked after that is signed by it."""
    await session.unneeded.told("time-unknown", "the venue's time", session.clock)


async def cancel_order(client: Any, venue: Venue, market: Mapping[str, Any], client_order_id: str) -> None:
    """Cancel an order by our name for it.

    Raises:
        VenueError: `order-not-found`, by what the venue answers.
    """
    named = venue.open_orders_by_client_id or "clientOrderId"
    await client.cancel_order(None, market["symbol"], {named: client_order_id})


async def find_order(client: Any, venue: Venue, market: Mapping[str, Any], client_order_id: str) -> OrderState:
    """Return an order by our name for it.

    Raises:
        VenueError: `order-not-found`.
    """
    symbol, named = market["symbol"], venue.open_orders_by_client_id
    if not named:
        found = await client.fetch_order(None, symbol, {"clientOrderId": client_order_id})
        if found.get("clientOrderId") not in (None, "", client_order_id):
            raise VenueError("half-an-answer", f"the venue was asked for {client_order_id} and told of another order")
        return order_state(found, snapshot_symbol(market), market, client_order_id)
    for look in (client.fetch_open_orders, client.fetch_canceled_and_closed_orders):
        orders = await look(symbol, None, None, {named: client_order_id})
        for one in orders:
            if one.get("clientOrderId") == client_order_id:
                return order_state(one, snapshot_symbol(market), market, client_order_id)
    raise VenueError("order-not-found", f"the venue has no order {client_order_id} in {symbol}")
