"""An account at rest: balance and positions that did not change while they were read, and what is asked beside them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rulecap.exchange.accounts import account_of
from rulecap.exchange.agreement import Contradicted, check_margin, missing, moved
from rulecap.exchange.calls import together
from rulecap.exchange.clock import VenueClock, moment
from rulecap.exchange.errors import VenueError
from rulecap.exchange.flows import Deposits, counted
from rulecap.exchange.holding import held_anywhere, sizes
from rulecap.exchange.ledger import Ledger
from rulecap.exchange.positions import Holdings
from rulecap.exchange.reading import refuse_several
from rulecap.exchange.session import Session
from rulecap.exchange.views import AccountView

MOST_READINGS = 3


async def account_view(session: Session, deposits: Deposits | None, partial: bool) -> AccountView:
    """Return balance and positions; see `Exchange.account_view`."""
    for _ in range(MOST_READINGS - 1):
        try:
            return await _read_once(session, deposits, partial)
        except Contradicted:
            behind = session.settings.retries.first_delay_seconds  # one of the two answers may be older than the other
        except VenueError as error:
            if error.code != "account-moving":
                raise
            behind = 0.0
        clock, _ = await _clock(session, partial)
        await asyncio.sleep(max(clock.uncertainty, behind))  # by then what moved just now is before the next reading
    return await _read_once(session, deposits, partial, as_it_is=partial)


async def _read_once(session: Session, deposits: Deposits | None, partial: bool, as_it_is: bool = False) -> AccountView:
    """Return balance and positions; `as_it_is` is for the last time, when what keeps them from agreeing is told."""
    quote = session.settings.quote
    (clock, timeless), _ = await together(_clock(session, partial), session.markets())
    modeless = await _mode(session, partial)  # signed by the venue's time
    began = moment(clock.now_ms())
    before = await held_anywhere(session)
    if not partial:
        before.all()
        if before.unsure:
            raise before.unsure[0]
    money = session.venue.money(quote)
    balance = await session.ask("the balance", lambda: session.client.fetch_balance(dict(money)))
    refuse_several(session.venue.pooled(balance, quote), quote)
    session.remarks.collateral(session.venue.collateral(balance, quote))
    positions = await _beside(balance, session, before, as_it_is)
    after = await deposits_after(session, deposits, began) if deposits is not None else None
    net = (after or deposits or Deposits(0.0, began)).net
    account = account_of(balance, None if positions.untold else positions.held, session.settings, net)
    check_margin(account, positions)
    unsure = *timeless, *modeless, *positions.unsure
    return AccountView(account, positions.held, after, began, positions.untold, unsure)


async def _beside(balance: Mapping[str, Any], session: Session, before: Holdings, as_it_is: bool) -> Holdings:
    """Return the positions that belong to a balance, where they are as they were before it was read.

    Raises:
        VenueError: unless they are taken as they are: `account-moving`, they have changed; `half-an-answer`, the
            balance tells of more. That is raised in any case where not one position is told.
    """
    found, again = before, await held_anywhere(session)
    if sizes(again) != sizes(before) or moved(session.venue, balance, again):
        moving = VenueError("account-moving", "positions changed each time while the account was read")
        if not as_it_is:
            raise moving
        found = replace(again, unsure=(*again.unsure, moving))
    left_out = missing(session.venue, balance, found, session.settings.quote)
    if left_out is None:
        return found
    # What is held for certain is better to reduce by than nothing at all.
    if not as_it_is or not found.held:
        raise left_out
    return replace(found, untold=(left_out,))


async def deposits_after(session: Session, before: Deposits, now: datetime) -> Deposits | None:
    """Return what is known of deposits and withdrawals after the ledger was read on; see `Exchange.deposits`."""
    if not session.client.has.get("fetchLedger"):
        return None
    clock, quote = await session.clock(), session.settings.quote
    unsure = timedelta(seconds=clock.uncertainty)
    told_at = moment(clock.now_ms())
    span = before.since, told_at + unsure  # to see also what moved since the account was read
    entries = await Ledger(session.client, session.venue, quote, session.ask, told_at).entries(span)
    return counted(before, entries, session.venue, quote, now, unsure)


async def _clock(session: Session, partial: bool) -> tuple[VenueClock, tuple[VenueError, ...]]:
    """Return the venue's clock, or where a part is enough what stands for it, and why."""
    if not partial:
        return await session.clock(), ()
    told = await session.unneeded.told("time-unknown", "the venue's time", session.clock)
    return told.found or session.reference.clock_untold(session.settings.max_clock_skew_seconds), told.unsure


async def _mode(session: Session, partial: bool) -> tuple[VenueError, ...]:
    """Refuse an account that is not one pool; return why that is not known, where a part is enough."""
    what, quote = "the margin mode", session.settings.quote

    async def check() -> None:
        await session.ask(what, lambda: session.reference.check_mode(session.venue, quote))

    if partial:
        return (await session.unneeded.told("mode-unknown", what, check)).unsure
    await check()
    return ()
