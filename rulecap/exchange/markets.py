"""ccxt's market, ticker, order book, leverage tiers and fees → the snapshot's market and book."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from rulecap.exchange.errors import VenueError
from rulecap.exchange.numbers import exact, first, needed, number, part, product
from rulecap.exchange.symbols import snapshot_symbol
from rulecap.exchange.venues import Venue
from rulecap.snapshot import Book, Bracket, Market
from rulecap.snapshot.values import MOST_BRACKETS

# ccxt's ways of writing a precision: a number of decimals, of significant digits, or the step itself.
DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4


def quantity_step(market: Mapping[str, Any], precision_mode: int) -> float | None:
    """Return the step of quantities in the base asset: the precision times the contract size; None where not told."""
    precision = number(part(market, "precision", "amount"))
    if precision is None or precision_mode == SIGNIFICANT_DIGITS:
        return None
    step = exact(10) ** -int(precision) if precision_mode == DECIMAL_PLACES else exact(precision)
    return product(step, contract_size(market)) if step > 0 else None


def contract_size(market: Mapping[str, Any]) -> float:
    """Return how much of the base asset one contract is.

    Raises:
        VenueError: `missing-field`; one would only be a guess.
    """
    size = number(market.get("contractSize"))
    symbol = market.get("symbol")
    return needed(size if size and size > 0 else None, "market.quantity_step", f"the contract size of {symbol}")


def price_of(ticker: Mapping[str, Any]) -> float:
    """Return the last price, else the mark price.

    Raises:
        VenueError: `missing-field`.
    """
    prices = (number(ticker.get(name)) for name in ("last", "close", "markPrice"))
    price = first(*(price if price is not None and price > 0 else None for price in prices))
    return needed(price, "market.price", f"a price of {ticker.get('symbol')}")


def contract_worth(market: Mapping[str, Any], ticker: Mapping[str, Any]) -> float:
    """Return what one contract is worth now.

    Raises:
        VenueError: `missing-field`, the venue tells no price or no contract size.
    """
    return product(contract_size(market), price_of(ticker))


def book_of(answer: Mapping[str, Any], levels: int, contract: float) -> Book | None:
    """Return the best levels of an order book, quantities of the base asset; None where a side is empty.

    Args:
        answer: ccxt's order book, which has numbers of contracts.
        levels: how many a side.
        contract: how much of the base asset one contract is.

    Raises:
        VenueError: `half-an-answer`, it is crossed or not sorted, or has something else for numbers.
    """
    told = {name: part(answer, name) or [] for name in ("bids", "asks")}
    levels_of = {name: [(price, product(amount, contract)) for price, amount, *_ in told[name]] for name in told}
    # A level of which nothing is left is none.
    sides = {name: [level for level in side if level[1] != 0][:levels] for name, side in levels_of.items()}
    if not (sides["bids"] and sides["asks"]):
        return None
    try:
        return Book.model_validate(sides)
    except ValidationError as error:
        raise VenueError("half-an-answer", f"the order book is none: {error.errors()[0]['msg']}", path="book") from None


def spread_pct(ticker: Mapping[str, Any], book: Book | None) -> float | None:
    """Return the best ask minus the best bid as percent of their mean, by the book, else by the ticker."""
    bid, ask = (book.bids[0][0], book.asks[0][0]) if book else (number(ticker.get("bid")), number(ticker.get("ask")))
    if bid is None or ask is None or not 0 < bid <= ask:
        return None
    return 100.0 * (ask - bid) / ((ask + bid) / 2.0)


def brackets_of(tiers: Sequence[Mapping[str, Any]] | None, venue: Venue, contract: float) -> tuple[Bracket, ...] | None:
    """Return the leverage brackets, ascending; None where they are not told, or not told whole.

    Of more than a snapshot holds these are the smallest: there is no leverage for what is larger.

    ccxt has no maintenance amount. Where a venue deducts one, it follows from the maintenance margin being continuous
    from bracket to bracket: amount[i] = amount[i−1] + lower bound[i] × (rate[i] − rate[i−1]). Source: Binance, "How to
    calculate liquidation price"; it holds on every one of 7,276 recorded brackets. Elsewhere nothing is deducted, which
    calls for more margin, never for less.

    Args:
        tiers: ccxt's leverage tiers.
        venue: what the venue's tiers are.
        contract: what one contract is worth now.
    """
    if not venue.tells_tiers:
        return None
    rows = [_row(tier, venue, contract) for tier in tiers or ()]
    whole = sorted(row for row in rows if row is not None)
    # Two that end at the same size are of different settings, such as the leverage that is chosen (HTX).
    if not rows or len({bound for bound, _, _ in whole}) < len(rows):
        return None
    whole = whole[:MOST_BRACKETS]
    amounts = [exact(0)]
    for (bound, _, lower), (_, _, upper) in pairwise(whole):
        deducted = exact(bound) * (exact(upper) - exact(lower)) if venue.deducts else exact(0)
        amounts.append(amounts[-1] + deducted)
    return tuple(
        Bracket(max_notional=bound, max_leverage=most, maintenance_margin_rate=rate, maintenance_amount=float(amount))
        for (bound, most, rate), amount in zip(whole, amounts, strict=True)
    )


def _row(tier: Mapping[str, Any], venue: Venue, contract: float) -> tuple[float, float, float] | None:
    """Return a tier's largest notional, largest leverage and maintenance rate; None where one is not told."""
    bound, most = number(tier.get("maxNotional")), number(tier.get("maxLeverage"))
    rate = number(tier.get("maintenanceMarginRate"))
    if bound is None or most is None or rate is None:
        return None
    # A ccxt that makes money of it hands on another number than the venue's.
    in_contracts = any(number(part(tier, "info", name)) == bound for name in venue.tier_ends)
    return (product(bound, contract) if in_contracts else bound, most, rate)


def market_of(
    market: Mapping[str, Any],
    ticker: Mapping[str, Any],
    book: Book | None,
    brackets: tuple[Bracket, ...] | None,
    fees: Mapping[str, Any] | None,
    precision_mode: int,
) -> Market:
    """Return the snapshot's market; limits, brackets and fees that the venue does not tell stay absent.

    Args:
        market: ccxt's market structure.
        ticker: ccxt's ticker.
        book: the order book, for the spread.
        brackets: the leverage brackets.
        fees: ccxt's trading fee of the market: what this account pays.
        precision_mode: ccxt's for the venue.

    Raises:
        VenueError: `missing-field`, without a price or a contract size there is no market.
    """
    size = contract_size(market)
    least = number(part(market, "limits", "amount", "min"))
    return Market(
        symbol=snapshot_symbol(market),
        base=str(market["base"]),
        price=price_of(ticker),
        spread_pct=spread_pct(ticker, book),
        min_quantity=None if least is None else product(least, size),
        quantity_step=quantity_step(market, precision_mode),
        min_notional=number(part(market, "limits", "cost", "min")),
        brackets=brackets,
        taker_fee_pct=_percent(part(fees, "taker")),
        maker_fee_pct=_percent(part(fees, "maker")),
    )


def _percent(rate: object) -> float | None:
    """Return a rate as percent: 0.0004 is 0.04."""
    return None if number(rate) is None else product(rate, 100)
