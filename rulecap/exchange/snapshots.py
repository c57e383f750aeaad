"""What a snapshot is composed of, asked for: a market, the bars of what is held or may be, a signal in one spelling."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rulecap.exchange import reading
from rulecap.exchange.at_rest import account_view
from rulecap.exchange.calls import together
from rulecap.exchange.clock import VenueClock, moment
from rulecap.exchange.compose import compose, signal_fields
from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.exchange.history import History
from rulecap.exchange.markets import book_of, brackets_of, contract_size, contract_worth, market_of
from rulecap.exchange.session import Session
from rulecap.exchange.symbols import is_traded, snapshot_symbol
from rulecap.exchange.views import AccountView, Extras, MarketView
from rulecap.snapshot import Book, Market, Signal, Snapshot

log = logging.getLogger("rulecap.exchange")


async def market_view(session: Session, symbol: str) -> MarketView:
    """Return ticker, order book, finished bars, limits, brackets and fees of a market; see `Exchange.market_view`."""
    clock, client = await session.clock(), session.client
    market, began = await session.market(symbol), clock.now_ms()
    unified, levels = market["symbol"], session.settings.book_levels

    async def read_book() -> tuple[Book | None, float]:
        answer = await client.fetch_order_book(unified, _levels(levels, session.venue.book_levels))
        return book_of(answer, levels, contract_size(market)), reading.stamp(answer, clock.now_ms())

    ticker, (book, told_at), history, tiers, fees = await together(
        session.ask("the ticker", lambda: client.fetch_ticker(unified)),
        session.ask("the order book", read_book),
        session.history(market, clock),
        _tiers(session, unified),
        session.ask("the fees", lambda: session.reference.fees(unified)),
    )
    with fitting(Market, snapshot_symbol(market)):
        brackets = brackets_of(tiers, session.venue, contract_worth(market, ticker))
        rates = session.venue.fees(fees, session.settings.quote) if fees else None
        found = market_of(market, ticker, book, brackets, rates, client.precisionMode)
        found = found.model_copy(update={"atr_pct": history.atr_pct})
    stamped = min(told_at, reading.stamp(ticker, clock.now_ms()))
    return MarketView(found, book, history, moment(min(began, stamped)))


def _levels(wanted: int, takes: tuple[int, ...]) -> int:
    """Return how many levels of a book to ask for: at least as many as are wanted, where an answer can have as many."""
    return next((one for one in takes if one >= wanted), max(takes, default=wanted))


async def _tiers(session: Session, unified: str) -> Sequence[Mapping[str, Any]] | None:
    """Return the leverage tiers of a market; None where they would not be told of it."""
    if not session.venue.tells_tiers:
        return None
    return await session.ask("the leverage brackets", lambda: session.reference.tiers(unified))


async def snapshot(
    session: Session,
    symbol: str | None,
    signal: Signal | Mapping[str, Any] | None,
    extras: Extras,
    account: AccountView | None,
) -> Snapshot:
    """Return a complete snapshot; see `Exchange.snapshot`."""
    named = symbol or (signal.symbol if isinstance(signal, Signal) else (signal or {}).get("symbol"))
    clock = await session.clock()
    await session.markets()
    view, market = await together(
        reading.given(account) if account else account_view(session, None, False),
        market_view(session, str(named)) if named else reading.given(None),
    )
    extras = await _in_one_spelling(session, extras)
    histories = await _histories(session, view, market, extras, clock)
    fields = await _signal(session, signal, named)
    return compose(moment(clock.now_ms()), view, market, histories, fields, extras)


async def _in_one_spelling(session: Session, extras: Extras) -> Extras:
    if extras.assets is None:
        return extras
    symbols = [snapshot_symbol(await session.market(one)) for one in extras.assets]
    return Extras(extras.scores, tuple(dict.fromkeys(symbols)), extras.facts)


async def _histories(
    session: Session, account: AccountView, market: MarketView | None, extras: Extras, clock: VenueClock
) -> dict[str, History]:
    known = {market.market.symbol: market.history} if market else {}
    wanted = set(extras.assets or ()) - set(known)
    held = {one.position.symbol: one.market for one in account.held if is_traded(one.market)}
    rest = sorted(set(held) - wanted - set(known))
    markets = [await session.market(one) for one in sorted(wanted)]
    found = await together(
        *(session.history(one, clock) for one in markets),
        *(_history_held(session, held[one], clock) for one in rest),
    )
    told = zip([*sorted(wanted), *rest], found, strict=True)
    return known | {symbol: history for symbol, history in told if history is not None}


async def _history_held(session: Session, market: Mapping[str, Any], clock: VenueClock) -> History | None:
    """Return the bars of a position's market; None where the venue refuses them, as of one just taken off."""
    try:
        return await session.history(market, clock)
    except VenueError as error:
        if error.code not in ("unknown-symbol", "venue-error"):
            raise
        log.debug("no bars of %s: %s", market["symbol"], error.code)
        return None


async def _signal(
    session: Session, signal: Signal | Mapping[str, Any] | None, named: str | None
) -> dict[str, Any] | None:
    if signal is None:
        return None
    spoken = signal.symbol if isinstance(signal, Signal) else signal.get("symbol") or named
    return signal_fields(signal, snapshot_symbol(await session.market(str(spoken))))
