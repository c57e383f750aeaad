"""Views of a venue → one snapshot."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.exchange.history import History, allocation
from rulecap.exchange.symbols import is_traded
from rulecap.exchange.views import AccountView, Extras, MarketView, Scores
from rulecap.snapshot import Position, Signal, Snapshot, read_snapshot


def compose(
    now: datetime,
    account: AccountView,
    market: MarketView | None,
    histories: Mapping[str, History],
    signal: Mapping[str, Any] | None,
    extras: Extras,
) -> Snapshot:
    """Return the snapshot; its age is its oldest part's.

    Args:
        now: the venue's time.
        account: balance and positions.
        market: the market that is asked about.
        histories: finished bars by the snapshot's symbol: of the open positions, and of the assets to allocate to.
        signal: the fields of a signal, its symbol the market's.
        extras: scores, assets, facts.

    Raises:
        VenueError: `not-a-snapshot`, with every problem: the venue sent what no snapshot may hold, or the signal or the
            facts are not as they must be.
    """
    positions = tuple(_scored(one.position, extras.scores, histories, account) for one in account.held)
    # Capital cannot be allocated to what is not traded; such a position is among the positions all the same.
    bases = {one.position.symbol: one.position.base for one in account.held if is_traded(one.market)}
    if market is not None:
        bases[market.market.symbol] = market.market.base or ""
    names = bases if extras.assets is None else extras.assets
    assets, correlation = allocation({one: histories[one] for one in names if one in histories}, bases)
    whole = assets is not None and len(assets) == len(set(names))
    parts = [account.read_at, *([market.read_at] if market else [])]
    return snapshot_of(
        {
            "as_of": now,
            "age_seconds": max(0.0, (now - min(parts)).total_seconds()),
            "account": account.account,
            "positions": positions,
            "signal": signal,
            "market": market.market if market else None,
            "book": market.book if market else None,
            "assets": assets if whole else None,
            "correlation": correlation if whole else None,
            "facts": dict(extras.facts),
        }
    )


def snapshot_of(parts: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that these parts make.

    Raises:
        VenueError: `not-a-snapshot`, with every problem.
    """
    found = read_snapshot(parts)
    if isinstance(found, Snapshot):
        return found
    text = "; ".join(problem.render() for problem in found)
    raise VenueError("not-a-snapshot", f"this makes no snapshot: {text}", problems=tuple(found))


def signal_fields(signal: Signal | Mapping[str, Any], symbol: str) -> dict[str, Any]:
    """Return a signal's fields with the snapshot's symbol; fields that are not set stay absent."""
    fields = signal.model_dump(exclude_none=True) if isinstance(signal, Signal) else dict(signal)
    return {**fields, "symbol": symbol}


def _scored(position: Position, scores: Scores, histories: Mapping[str, History], account: AccountView) -> Position:
    """Return a position with its score and volatility, absent where they are not known."""
    score = scores.get((position.symbol, position.side), scores.get(position.symbol))
    history = histories.get(position.symbol)
    volatility = history.volatility_pct if history else None
    with fitting(Position, position.symbol):
        return position.model_copy(update={"score": score, "volatility_pct": volatility})
