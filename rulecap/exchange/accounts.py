"""ccxt's unified balance → the snapshot's account."""

from collections.abc import Mapping, Sequence
from typing import Any

from rulecap.exchange.answers import Pool
from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.exchange.numbers import first, needed, not_below_zero, number, part, total
from rulecap.exchange.positions import Held
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.venues import EQUITY, WALLET, venue_of
from rulecap.snapshot import Account


def account_of(
    balance: Mapping[str, Any],
    held: Sequence[Held] | None,
    settings: ExchangeSettings,
    net_deposits: float,
) -> Account:
    """Return the account in its quote currency.

    Maintenance margin stays absent where neither the venue nor every position tells it.

    Args:
        balance: ccxt's balance structure, as `Guarded.safe_balance` leaves it: nothing derived.
        held: the open positions; None where one of them is not told, so that nothing can be summed over them.
        settings: whose account, in which currency.
        net_deposits: all deposits minus all withdrawals so far, in the quote currency.

    Raises:
        VenueError: `missing-field` with the snapshot's path, what is free is never taken for total minus used;
            `not-a-snapshot`, a figure is one that no account has.
    """
    quote, venue = settings.quote, venue_of(settings.venue)
    told = venue.pool(balance, quote)
    free = number(part(balance, quote, "free")) if venue.unified_free else None
    available = first(told.available, free)
    unified = _unified(balance, held, venue.balance_total or settings.balance_total, settings, available)
    wallet = first(told.wallet, unified.wallet)
    with fitting(Account):
        return Account(
            id=settings.account_name,
            total_wallet_balance=needed(wallet, "account.total_wallet_balance", f"a balance in {quote}"),
            available_balance=needed(available, "account.available_balance", f"how much {quote} is free"),
            margin_used=needed(
                not_below_zero(first(told.used, unified.used if venue.unified_used else None)),
                "account.margin_used",
                f"how much {quote} is used as margin",
            ),
            unrealized_pnl=needed(
                first(told.unrealized, unified.unrealized), "account.unrealized_pnl", "the unrealized PnL"
            ),
            maintenance_margin=first(told.maintenance, unified.maintenance),
            net_deposits=net_deposits,
        )


def _unified(
    balance: Mapping[str, Any],
    held: Sequence[Held] | None,
    meaning: str | None,
    settings: ExchangeSettings,
    free: float | None,
) -> Pool:
    """Return the pool by ccxt's unified fields: wallet = total where total is the wallet, total − PnL where equity.

    Of margin there is at least what the positions have. What is `free` is told apart.
    """
    entry = part(balance, settings.quote)
    whole, used = (number(part(entry, name)) for name in ("total", "used"))
    unrealized = None if held is None else total(one.position.unrealized_pnl for one in held)
    maintenance = None if held is None else total(one.maintenance_margin for one in held)
    if held is None:
        margin = venue_of(settings.venue).least_margin(balance, settings.quote)
    else:
        margin = total(one.position.margin for one in held)
    if whole is None or unrealized is None:
        wallet = None
    elif unrealized == 0 or meaning == WALLET:
        wallet = whole
    elif meaning == EQUITY:
        wallet = whole - unrealized
    else:
        text = f"whether {settings.venue}'s total balance has the unrealized PnL in it is unknown: set balance_total"
        raise VenueError("missing-field", text, path="account.total_wallet_balance")
    if used is None and meaning == EQUITY and whole is not None and free is not None:
        # Equity that is not free is margin, or the PnL of isolated positions, which is free for no other; where nothing
        # is free there may be more margin than equity.
        apart = sum(one.position.unrealized_pnl for one in held or () if one.mode == "isolated")
        used = whole - free - apart if free > 0 or margin is not None else None
    if used is not None and margin is not None:
        used = max(used, margin)  # at some venues it is what is put aside for orders alone
    return Pool(wallet, free, used, unrealized, maintenance)
