"""An account at rest: balance and positions that did not change while they were read, and what is asked beside them."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from rulecap.exchange.accounts import account_of
from rulecap.exchange.agreement import Contradicted, check_margin, missing, moved
from rulecap.exchange.calls import together
from rulecap.exchange.clock import VenueClock, moment
from rulecap.exchange.errors import VenueError
from rulecap.exchange.flows import Deposits, counted
from rulecap.exchange.holding import held_anywhere, sizes
from rulecap.exchange.ledger import Ledger
from rulecap.exchange.reading import refuse_several
from rulecap.exchange.session import Session
from rulecap.exchange.views import AccountView

READINGS_OF_A_MOVING_ACCOUNT = 3


async def account_view(session: Session, deposits: Deposits | None, partial: bool) -> AccountView:
    """Return balance and positions; see `Exchange.account_view`."""
    tries = 0
    while True:
        tries += 1
        try:
            return await _read_once(session, deposits, partial, partial and tries == READINGS_OF_A_MOVING_ACCOUNT)
        except VenueError as error:
            passing = error.code == "account-moving" or isinstance(error, Contradicted)
            if not passing or tries == READINGS_OF_A_MOVING_ACCOUNT:
                raise
            # One of the two answers may be a moment behind the other.
            behind = session.settings.retries.first_delay_seconds if isinstance(error, Contradicted) else 0.0
        clock, _ = await _clock(session, partial)
        await asyncio.sleep(max(clock.uncertainty, behind))  # by then what moved just now is before the next one


async def _read_once(session: Session, deposits: Deposits | None, partial: bool, last: bool) -> AccountView:
    """Return balance and positions; for the `last` time also where they change, or are less than their margin tells."""
    quote = session.settings.quote
    (clock, timeless), _ = await together(_clock(session, partial), session.markets())
    modeless = await _mode(session, partial)  # signed by the venue's time
    began = moment(clock.now_ms())
    before = await held_anywhere(session)
    if not partial:
        before.all()
        if before.unsure:
            raise before.unsure[0]
    balance = await session.ask("the balance", session.client.fetch_balance)
    refuse_several(session.venue.pooled(balance, quote), quote)
    session.remarks.collateral(session.venue.collateral(balance, quote))
    again = await held_anywhere(session)
    moving: tuple[VenueError, ...] = ()
    if sizes(again) != sizes(before) or moved(session.venue, balance, again):
        error = VenueError("account-moving", "positions changed each time while the account was read")
        if not last:
            raise error
        before, moving = again, (error,)
    left_out = missing(session.venue, balance, before, quote)
    if left_out is not None:
        # What was held before is better to reduce by than nothing at all.
        if not last or not before.held:
            raise left_out
        before = replace(before, untold=(left_out,))
    after = await deposits_after(session, deposits, began) if deposits is not None else None
    net = (after or deposits or Deposits(0.0, began)).net
    account = account_of(balance, None if before.untold else before.held, session.settings, net)
    check_margin(account, before)
    unsure = *timeless, *modeless, *before.unsure, *moving
    return AccountView(account, before.held, after, began, before.untold, unsure)


async def deposits_after(session: Session, before: Deposits, now: datetime) -> Deposits | None:
    """Return what is known of deposits and withdrawals after the ledger was read on; see `Exchange.deposits`."""
    if not session.client.has.get("fetchLedger"):
        return None
    clock, quote = await session.clock(), session.settings.quote
    unsure = timedelta(seconds=clock.uncertainty)
    span = before.since, moment(clock.now_ms()) + unsure  # to see also what moved since the account was read
    entries = await Ledger(session.client, session.venue, quote, session.ask).entries(span)
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
