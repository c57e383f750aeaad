"""One account at one venue: what a snapshot needs is read from it, and reduce-only orders are sent to it."""

import os
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rulecap.exchange import at_rest, placing, snapshots
from rulecap.exchange.client import open_client
from rulecap.exchange.flows import Deposits
from rulecap.exchange.keys import Keys, read_keys
from rulecap.exchange.orders import OrderState, Reduction
from rulecap.exchange.session import Session
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.symbols import snapshot_symbol
from rulecap.exchange.views import AccountView, Extras, MarketView
from rulecap.snapshot import Signal, Snapshot
from rulecap.snapshot.findings import describe


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
        self._session = Session(settings, keys, client)

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
        await self._session.client.close()

    async def account_view(self, deposits: Deposits | None = None, *, partial: bool = False) -> AccountView:
        """Return balance and positions, none of which changed meanwhile.

        Args:
            deposits: what is known of deposits and withdrawals; where given, the ledger is read on from there.
            partial: whether a position that cannot be counted is told in `untold` of the view, and the others are read
                all the same: enough to reduce these, and for nothing else; and whether what no reduction needs, and the
                venue does not tell, is told in `unsure`, and that positions changed each time while they were read.

        Raises:
            VenueError: `account-moving`, deposits, or unless `partial` positions, change faster than they can be read;
                `not-one-pool`, its margin is not one pool in its currency; unless `partial`, why a position cannot be
                counted, and what else is not told.
        """
        return await at_rest.account_view(self._session, deposits, partial)

    async def deposits(self, before: Deposits, now: datetime) -> Deposits | None:
        """Return what is known of deposits and withdrawals after the ledger was read on; None where there is none.

        Args:
            before: what was known.
            now: when reading the account began that they belong to.

        Raises:
            VenueError: the ledger cannot be read; `account-moving`, money moved since.
        """
        return await at_rest.deposits_after(self._session, before, now)

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market by any of its names; nothing is read but the list of markets.

        Raises:
            VenueError: what `find_market` says.
        """
        return snapshot_symbol(await self._session.market(name))

    async def market_view(self, symbol: str) -> MarketView:
        """Return ticker, order book, finished bars, limits, brackets and fees of a market.

        Raises:
            VenueError: `unknown-symbol`, `inverse-contract` and what else `find_market` says; `not-a-snapshot`, it has
                a figure that no market has.
        """
        return await snapshots.market_view(self._session, symbol)

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
        return await snapshots.snapshot(self._session, symbol, signal, extras or Extras(), account)

    def check_orders(self) -> None:
        """Return where orders can be sent to the venue at all.

        Raises:
            VenueError: `not-supported`, what became of one could not be asked.
        """
        placing.check_orders(self._session.venue, self.settings.venue)

    async def place_reduction(
        self,
        action: Mapping[str, Any],
        client_order_id: str,
        within_seconds: float | None = None,
        held_then: float | None = None,
    ) -> OrderState:
        """Send a reduce-only market order for an action of a decision, once, and return the venue's first answer.

        The quantity is rounded down to the market's step, and never above what is held or what one market order takes:
        `quantity` of the answer says what was sent.

        Args:
            action: symbol, side (the position's), quantity of the base asset, reduce_only: true.
            client_order_id: our name for the order, by which `order` finds it.
            within_seconds: how long what is held may take to be read; None: as long as the retries allow.
            held_then: how much was held when the action was decided: what has gone since is not reduced again; None:
                that is not known.

        Raises:
            VenueError: `not-supported`, as `check_orders`; `nothing-to-reduce`; `quantity-too-small`; `order-refused`,
                with the venue's reason; `unknown-symbol`, the market is not listed (any more); `too-late`, not sent
                within the time; `order-uncertain`, no answer came: ask `order` before sending anything again.
        """
        self.check_orders()
        wanted = Reduction.of(action, held_then)
        return await placing.place_reduction(self._session, wanted, client_order_id, within_seconds)

    async def order(self, client_order_id: str, symbol: str) -> OrderState:
        """Return what became of an order.

        Raises:
            VenueError: `order-not-found`, the venue does not have it (or no longer).
        """
        return await placing.order(self._session, client_order_id, symbol)

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Cancel what is open of an order; `order` tells what became of it.

        Raises:
            VenueError: `order-not-found`, nothing of it is open (any more).
        """
        await placing.cancel(self._session, client_order_id, symbol)
