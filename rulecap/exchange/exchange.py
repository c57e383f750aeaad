"""One account at one venue: what a snapshot needs is read from it, and reduce-only orders are sent to it."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from rulecap.exchange import reading
from rulecap.exchange.accounts import account_of
from rulecap.exchange.bans import Rest
from rulecap.exchange.calls import ask, attempt, together
from rulecap.exchange.client import open_client
from rulecap.exchange.clock import VenueClock, moment
from rulecap.exchange.compose import compose, signal_fields
from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.exchange.flows import Deposits, counted
from rulecap.exchange.history import History
from rulecap.exchange.keys import Keys, read_keys
from rulecap.exchange.ledger import Ledger
from rulecap.exchange.markets import book_of, brackets_of, contract_worth, market_of
from rulecap.exchange.orders import OrderState, Reduction, position_to_reduce
from rulecap.exchange.placing import cancel_order, check_orders, find_order, of_an_order, reduction
from rulecap.exchange.positions import Holdings
from rulecap.exchange.remarks import Remarks
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.symbols import find_market, is_traded, snapshot_symbol
from rulecap.exchange.unneeded import Told, Unneeded
from rulecap.exchange.venues import OPTION, venue_of
from rulecap.exchange.views import AccountView, Extras, MarketView
from rulecap.snapshot import Market, Signal, Snapshot
from rulecap.snapshot.findings import describe

log = logging.getLogger("rulecap.exchange")
T = TypeVar("T")
READINGS_OF_A_MOVING_ACCOUNT = 3


def open_exchange(settings: ExchangeSettings, environment: Mapping[str, str] | None = None) -> "Exchange":
    """Return the account at the venue, to be used as an asynchronous context manager; nothing is asked yet.

    Args:
        settings: which venue, which account, how.
        environment: where the keys are looked up; the process's where None.

    Raises:
        VenueError: `unknown-venue`, `no-sandbox`, `keys-missing`, `keys-unreadable`; `not-supported` without ccxt.
        TypeError: the settings are none, such as a venue's name alone.
    """
    if not isinstance(settings, ExchangeSettings):
        example = f"ExchangeSettings(venue={settings!r})" if isinstance(settings, str) else "ExchangeSettings(venue=…)"
        raise TypeError(f"open_exchange takes settings, such as {example}, not {describe(settings)}")
    keys = read_keys(settings.credentials, os.environ if environment is None else environment)
    return Exchange(settings, keys, open_client(settings, keys))


class Exchange:
    """One account at one venue; every method raises VenueError, and nothing else, where the venue fails."""

    def __init__(self, settings: ExchangeSettings, keys: Keys, client: Any) -> None:
        """Keep the client of ccxt; `open_exchange` makes one."""
        self.settings = settings
        self._keys, self._client = keys, client
        self._venue = venue_of(settings.venue)
        self._reference = reading.Reference(client, keys.present)
        self._rest = Rest()
        self._unneeded = Unneeded()
        self._remarks = Remarks()

    def __repr__(self) -> str:
        """Return the account's name, no key."""
        return f"<Exchange {self.settings.account_name}>"

    async def __aenter__(self) -> Self:
        """Return it; connections are opened by the first question."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def account_view(self, deposits: Deposits | None = None, *, partial: bool = False) -> AccountView:
        """Return balance and positions, none of which changed meanwhile.

        Args:
            deposits: what is known of deposits and withdrawals; where given, the ledger is read on from there.
            partial: whether a position that cannot be counted is told in `untold` of the view, and the others are read
                all the same: enough to reduce these, and for nothing else; and whether what no reduction needs, and the
                venue does not tell, is told in `unsure`.

        Raises:
            VenueError: `account-moving`, positions or deposits change faster than they can be read; `not-one-pool`, its
                margin is not one pool in its currency; unless `partial`, why a position cannot be counted, and what
                else is not told.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._view_at_rest(deposits, partial)
            except VenueError as error:
                if error.code != "account-moving" or tries == READINGS_OF_A_MOVING_ACCOUNT:
                    raise
            clock, _ = await self._clock_as_told(partial)
            await asyncio.sleep(clock.uncertainty)  # by then what moved just now is before the next one

    async def _view_at_rest(self, deposits: Deposits | None, partial: bool) -> AccountView:
        """Return balance and positions, read once.

        Raises:
            VenueError: as `account_view`.
        """
        quote = self.settings.quote
        (clock, timeless), modeless, _ = await together(
            self._clock_as_told(partial), self._mode_as_told(partial), self._markets()
        )
        began = moment(clock.now_ms())
        before = await self._held_anywhere()
        if not partial:
            before.all()
            _sure(before.unsure)
        balance = await self._ask("the balance", self._client.fetch_balance)
        self._remarks.collateral(self._venue.collateral(balance, quote))
        if _sizes(await self._held_anywhere()) != _sizes(before):
            raise VenueError("account-moving", "positions changed each time while the account was read")
        after = await self.deposits(deposits, began) if deposits is not None else None
        net = (after or deposits or Deposits(0.0, began)).net
        account = account_of(balance, None if before.untold else before.held, self.settings, net)
        return AccountView(account, before.held, after, began, before.untold, (*timeless, *modeless, *before.unsure))

    async def deposits(self, before: Deposits, now: datetime) -> Deposits | None:
        """Return what is known of deposits and withdrawals after the ledger was read on; None where there is none.

        Args:
            before: what was known.
            now: when reading the account began that they belong to.

        Raises:
            VenueError: the ledger cannot be read; `account-moving`, money moved since.
        """
        if not self._client.has.get("fetchLedger"):
            return None
        clock = await self._clock()
        unsure = timedelta(seconds=clock.uncertainty)
        span = before.since, moment(clock.now_ms()) + unsure  # to see also what moved since the account was read
        ledger = Ledger(self._client, self._venue, self.settings.quote, self._ask)
        entries = await ledger.entries(span)
        return counted(before, entries, self._venue, self.settings.quote, now, unsure)

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market by any of its names; nothing is read but the list of markets.

        Raises:
            VenueError: what `find_market` says.
        """
        return snapshot_symbol(await self._market(name))

    async def market_view(self, symbol: str) -> MarketView:
        """Return ticker, order book, finished bars, limits, brackets and fees of a market.

        Raises:
            VenueError: `unknown-symbol`, `inverse-contract` and what else `find_market` says; `not-a-snapshot`, it has
                a figure that no market has.
        """
        clock = await self._clock()
        market, began = await self._market(symbol), clock.now_ms()
        unified, levels = market["symbol"], self.settings.book_levels
        ticker, book, history, tiers, fees = await together(
            self._ask("the ticker", lambda: reading.ticker(self._client, unified)),
            self._ask("the order book", lambda: self._book(unified, levels)),
            self._history(market, clock),
            self._ask("the leverage brackets", lambda: self._reference.tiers(unified)),
            self._ask("the fees", lambda: self._reference.fees(unified)),
        )
        with fitting(Market, snapshot_symbol(market)):
            brackets = brackets_of(tiers, self._venue, contract_worth(market, ticker))
            found = market_of(market, ticker, book, brackets, fees, self._client.precisionMode)
            found = found.model_copy(update={"atr_pct": history.atr_pct})
        stamped = reading.stamp(ticker, clock.now_ms())
        return MarketView(found, book, history, moment(min(began, stamped)))

    async def snapshot(
        self,
        symbol: str | None = None,
        *,
        signal: Signal | Mapping[str, Any] | None = None,
        extras: Extras | None = None,
        account: AccountView | None = None,
    ) -> Snapshot:
        """Return a complete snapshot: the account, and the market of the symbol or of the signal where one is named.

        Args:
            symbol: `BTCUSDT`, `BTC/USDT:USDT` or the venue's own id.
            signal: what is to be judged; its symbol in any spelling.
            extras: scores of positions, assets to allocate to, facts.
            account: a view that is kept elsewhere; read now where None.

        Raises:
            VenueError: any code of `errors.RETRIABLE`.
        """
        extras = extras or Extras()
        named = symbol or (signal.symbol if isinstance(signal, Signal) else (signal or {}).get("symbol"))
        clock = await self._clock()
        await self._markets()
        view, market = await together(
            self._given(account), self.market_view(str(named)) if named else reading.nothing()
        )
        extras = await self._in_one_spelling(extras)
        histories = await self._histories(view, market, extras, clock)
        fields = await self._signal(signal, named)
        return compose(moment(clock.now_ms()), view, market, histories, fields, extras)

    def check_orders(self) -> None:
        """Return where orders can be sent to the venue at all.

        Raises:
            VenueError: `not-supported`, what became of one could not be asked.
        """
        check_orders(self._venue, self.settings.venue)

    async def place_reduction(
        self, action: Mapping[str, Any], client_order_id: str, within_seconds: float | None = None
    ) -> OrderState:
        """Send a reduce-only market order for an action of a decision, once, and return the venue's first answer.

        The quantity is rounded down to the market's step, and never above what is held or what one market order takes:
        `quantity` of the answer says what was sent.

        Args:
            action: symbol, side (the position's), quantity of the base asset, reduce_only: true.
            client_order_id: our name for the order, by which `order` finds it.
            within_seconds: how long what is held may take to be read; None: as long as the retries allow.

        Raises:
            VenueError: `not-supported`, as `check_orders`; `nothing-to-reduce`, `quantity-too-small`, `order-refused`
                (the venue's reason);
                `unknown-symbol`, the market is not listed (any more); `too-late`, not sent within the time;
                `order-uncertain`, no answer came: ask `order` before sending anything again.
        """
        self.check_orders()
        wanted = Reduction.of(action)
        try:
            async with asyncio.timeout(within_seconds):
                positions = await self._held()
                symbol = await self._symbol_held(wanted.symbol, positions)
        except TimeoutError:
            text = f"what is held in {wanted.symbol} was not read within {within_seconds:g} s: nothing was sent"
            raise VenueError("too-late", text) from None
        held = position_to_reduce(positions, symbol, wanted.side)
        send = self._rest.kept(reduction(self._client, self._venue, held, wanted.quantity, client_order_id))
        # Asked once: a second order would reduce twice.
        state, failure = await attempt(f"the order {client_order_id}", send, self._keys.redacted)
        if failure is not None or state is None:
            said = of_an_order(failure or VenueError("half-an-answer", "there is no answer"))
            self._rest.note(said)
            if said.code in ("order-refused", "unknown-symbol"):
                self._reference.doubt_markets()  # trading may have ended there since they were listed
            raise said
        return state

    async def order(self, client_order_id: str, symbol: str) -> OrderState:
        """Return what became of an order.

        Raises:
            VenueError: `order-not-found`, the venue does not have it (or no longer).
        """
        market = await self._market(symbol, traded=False)  # an order outlives trading
        return await self._ask(
            f"the order {client_order_id}", lambda: find_order(self._client, self._venue, market, client_order_id)
        )

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Cancel what is open of an order; `order` tells what became of it.

        Raises:
            VenueError: `order-not-found`, nothing of it is open (any more).
        """
        market = await self._market(symbol, traded=False)  # an order outlives trading
        await self._ask(
            f"the order {client_order_id}", lambda: cancel_order(self._client, self._venue, market, client_order_id)
        )

    async def _ask(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask(what, self._rest.kept(call), self.settings.retries, self._keys.redacted)
        except VenueError as error:
            self._rest.note(error)
            raise

    async def _clock(self) -> VenueClock:
        """Return the venue's clock; where ours seems wrong, it is asked for anew: either may have been set since."""
        most, kept = self.settings.max_clock_skew_seconds, await self._ask("the venue's time", self._reference.clock)
        try:
            return kept.checked(most)
        except VenueError:
            self._reference.doubt_clock()
        return (await self._ask("the venue's time", self._reference.clock)).checked(most)

    async def _clock_as_told(self, partial: bool) -> tuple[VenueClock, tuple[VenueError, ...]]:
        """Return the venue's clock, or where a part is enough what stands for it, and why."""
        if not partial:
            return await self._clock(), ()
        told = await self._unneeded.told("time-unknown", "the venue's time", self._clock)
        return told.found or self._reference.clock_untold(self.settings.max_clock_skew_seconds), told.unsure

    async def _mode_as_told(self, partial: bool) -> tuple[VenueError, ...]:
        """Refuse an account that is not one pool; return why that is not known, where a part is enough."""
        what, quote = "the margin mode", self.settings.quote

        async def check() -> None:
            await self._ask(what, lambda: self._reference.check_mode(self._venue, quote))

        if partial:
            return (await self._unneeded.told("mode-unknown", what, check)).unsure
        await check()
        return ()

    async def _leverages(self) -> Told[Mapping[str, Any]]:
        what = "the leverage that is set"
        return await self._unneeded.told(
            "leverage-unknown", what, lambda: self._ask(what, self._client.fetch_leverages)
        )

    async def _markets(self, lacking: bool = False) -> reading.Markets:
        return await self._ask("the markets", lambda: self._reference.markets(lacking))

    async def _market(self, symbol: str, traded: bool = True) -> Mapping[str, Any]:
        """Return a market; where the list lacks it, or says that it is not traded, the list may be read again."""
        markets, quote = await self._markets(), self.settings.quote
        try:
            return find_market(markets.values(), symbol, quote, traded)
        except VenueError as error:
            again = await self._markets(lacking=True) if error.code == "unknown-symbol" else markets
            if again is markets:
                raise
        return find_market(again.values(), symbol, quote, traded)

    async def _held(self, where: Mapping[str, Any] | None = None) -> Holdings:
        """Return the open positions in the account's currency, or where the venue is asked for them."""
        await self._markets()
        client, venue, quote = self._client, self._venue, self.settings.quote
        asked = venue.positions(quote) if where is None else where
        return await self._ask(
            "the positions",
            lambda: reading.positions(client, venue, self._reference, quote, asked, self._leverages),
        )

    async def _held_anywhere(self) -> Holdings:
        """Return all open positions of the account; one in another currency cannot be counted, and is not left out."""
        here = await self._held()  # first, and alone: where that is refused, nothing more is asked
        found = [here, *await together(*map(self._held_elsewhere, self._venue.elsewhere(self.settings.quote)))]
        return Holdings(
            tuple(one for part in found for one in part.held),
            tuple(one for part in found for one in part.untold),
            tuple(one for part in found for one in part.unsure),
        )

    async def _held_elsewhere(self, where: Mapping[str, Any]) -> Holdings:
        """Return the positions in another currency; where it is not known whether there are any, that is told."""
        try:
            return await self._held(where)
        except VenueError as error:
            if error.code != "venue-auth" or where.get("type") != OPTION:
                return Holdings((), (error,))
        # A key for futures alone is what an account is to be read with.
        self._remarks.options_untold()
        return Holdings(())

    async def _symbol_held(self, name: str, positions: Holdings) -> str:
        """Return the snapshot's symbol of a position's market, which need not be listed or traded any more."""
        if any(one.position.symbol == name for one in positions.held):
            return name
        try:
            return snapshot_symbol(await self._market(name, traded=False))
        except VenueError:
            positions.all()  # the name may be that of a position which cannot be counted, and says why
            raise

    async def _book(self, symbol: str, levels: int) -> Any:
        return book_of(await self._client.fetch_order_book(symbol, levels), levels)

    async def _history(self, market: Mapping[str, Any], clock: VenueClock) -> History:
        symbol = market["symbol"]
        return await self._ask(
            f"the bars of {symbol}", lambda: self._reference.history(symbol, self.settings, clock.now_ms())
        )

    async def _given(self, account: AccountView | None) -> AccountView:
        return account or await self.account_view()

    async def _in_one_spelling(self, extras: Extras) -> Extras:
        if extras.assets is None:
            return extras
        symbols = [snapshot_symbol(await self._market(one)) for one in extras.assets]
        return Extras(extras.scores, tuple(dict.fromkeys(symbols)), extras.facts)

    async def _histories(
        self, account: AccountView, market: MarketView | None, extras: Extras, clock: VenueClock
    ) -> dict[str, History]:
        known = {market.market.symbol: market.history} if market else {}
        wanted = set(extras.assets or ()) - set(known)
        held = {one.position.symbol: one.market for one in account.held if is_traded(one.market)}
        rest = sorted(set(held) - wanted - set(known))
        markets = [await self._market(one) for one in sorted(wanted)]
        found = await together(
            *(self._history(one, clock) for one in markets), *(self._history_held(held[one], clock) for one in rest)
        )
        told = zip([*sorted(wanted), *rest], found, strict=True)
        return known | {symbol: history for symbol, history in told if history is not None}

    async def _history_held(self, market: Mapping[str, Any], clock: VenueClock) -> History | None:
        """Return the bars of a position's market; None where the venue refuses them, as of one just taken off."""
        try:
            return await self._history(market, clock)
        except VenueError as error:
            if error.code not in ("unknown-symbol", "venue-error"):
                raise
            log.debug("no bars of %s: %s", market["symbol"], error.code)
            return None

    async def _signal(self, signal: Signal | Mapping[str, Any] | None, named: str | None) -> dict[str, Any] | None:
        if signal is None:
            return None
        spoken = signal.symbol if isinstance(signal, Signal) else signal.get("symbol") or named
        return signal_fields(signal, snapshot_symbol(await self._market(str(spoken))))


def _sure(unsure: tuple[VenueError, ...]) -> None:
    """Return where nothing is unsure.

    Raises:
        VenueError: the first reason.
    """
    if unsure:
        raise unsure[0]


def _sizes(positions: Holdings) -> list[tuple[object, ...]]:
    """Return what makes two readings of the positions the same."""
    told = [(one.position.symbol, one.position.side, one.contracts) for one in positions.held]
    return [*told, *((error.code, error.message) for error in positions.untold)]
