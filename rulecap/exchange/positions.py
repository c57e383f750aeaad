"""ccxt's unified positions → the snapshot's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rulecap.exchange.answers import OPTION
from rulecap.exchange.errors import VenueError
from rulecap.exchange.fitting import fitting
from rulecap.exchange.numbers import first, needed, not_below_zero, number, part, product
from rulecap.exchange.symbols import check_market, snapshot_symbol, told_traded
from rulecap.exchange.unlisted import unlisted_market
from rulecap.exchange.venues import ASKED, Venue
from rulecap.snapshot import Position

SIDES = {"long": "LONG", "short": "SHORT"}
Lookup = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Held:
    """An open position as the venue has it.

    Attributes:
        position: as a snapshot has it.
        market: ccxt's market of it, or what stands for one that is not listed any more.
        hedged: whether long and short are held apart; None where the venue does not tell.
        maintenance_margin: the position's, where told.
        contracts: the size in the venue's contracts.
        mode: `cross` or `isolated`; None where the venue does not tell.
    """

    position: Position
    market: Mapping[str, Any]
    hedged: bool | None
    maintenance_margin: float | None
    contracts: float
    mode: str | None


@dataclass(frozen=True, slots=True)
class Holdings:
    """The open positions.

    Attributes:
        held: those that can be counted, in the order of symbol and side.
        untold: why each of the others cannot be.
        unsure: why the leverage is not known that was set for them, which is then notional / margin; that they changed
            each time while they were read.
    """

    held: tuple[Held, ...]
    untold: tuple[VenueError, ...] = ()
    unsure: tuple[VenueError, ...] = ()

    def all(self) -> tuple[Held, ...]:
        """Return the positions, where none is left out.

        Raises:
            VenueError: why the first of the others cannot be counted.
        """
        if self.untold:
            raise self.untold[0]
        return self.held


def leverage_table(answer: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the set leverage by unified symbol and side, from ccxt's leverage structures."""
    table = {}
    for symbol, one in answer.items():
        for side, name in (("long", "longLeverage"), ("short", "shortLeverage")):
            value = _above_zero(one.get(name))
            if value is not None:
                table[symbol, side] = value
    return table


def held_positions(
    answer: list[Mapping[str, Any]],
    market_of: Lookup,
    quote: str,
    leverages: Mapping[tuple[str, str], float],
    venue: Venue,
) -> Holdings:
    """Return the open positions; an empty one is none.

    One whose market is not listed (any more) counts as well, by what the position itself tells.

    Args:
        answer: ccxt's position structures.
        market_of: gives ccxt's market of a unified symbol, None where it is not listed.
        quote: the account's currency.
        leverages: the set leverage by unified symbol and side, for positions that do not tell theirs.
        venue: what the venue's positions and contracts are.

    What keeps one from being counted is told by its code: `missing-field`, with the snapshot's path; `not-a-snapshot`,
    a figure of it is one that no position has; `inverse-contract`, `not-the-quote-currency` and `not-supported`, its
    risk could not be counted with the others'; `unknown-symbol`, its market is not listed and its currency is not told.

    Raises:
        VenueError: `half-an-answer`, which may be whole when it is asked for again.
    """
    held, untold = [], []
    for one in answer:
        try:
            if _is_open(one):
                _check_named(one)
                _check_kind(one)
                market = market_of(str(one.get("symbol"))) or unlisted_market(one, quote, venue)
                check_market(market, quote)
                held.append(_held(_told(one, venue), market, leverages, _tradable(market, venue)))
        except VenueError as error:
            if error.retriable:
                raise
            untold.append(error)
    return Holdings(tuple(sorted(held, key=lambda one: (one.position.symbol, one.position.side))), tuple(untold))


def _told(raw: Mapping[str, Any], venue: Venue) -> Mapping[str, Any]:
    """Return a position without what is not meant by it: what lacks follows from the rest."""
    told = dict(raw)
    if not venue.notional_at_mark:
        told["notional"] = None
    if venue.set_leverage is not None:
        told["leverage"] = part(raw, "info", venue.set_leverage)
    return told


def check_once(answer: list[Mapping[str, Any]]) -> None:
    """Refuse an answer that tells a position twice: of several on a side of a market something tells them apart.

    Args:
        answer: ccxt's position structures.

    Raises:
        VenueError: `half-an-answer`, which may be right when it is asked for again.
    """
    names, numbers = ("symbol", "side", "id", "marginMode"), ("contracts", "entryPrice")
    seen = set()
    for one in answer:
        told = (*(str(one.get(name)) for name in names), *(number(one.get(name)) for name in numbers))
        if told in seen and number(one.get("contracts")):
            raise VenueError("half-an-answer", f"the position in {one.get('symbol')} is told twice")
        seen.add(told)


def _check_named(raw: Mapping[str, Any]) -> None:
    """Refuse a position of which the venue does not tell what it is in."""
    if not raw.get("symbol"):
        raise VenueError("missing-field", "the venue does not tell which market a position is in")


def _check_kind(raw: Mapping[str, Any]) -> None:
    """Refuse an option, also one whose market is not listed: nothing else of it tells that it is no linear contract."""
    if raw.get(ASKED, {}).get("type") == OPTION:
        text = f"{raw.get('symbol')} is an option: what it may come to is not told by its size and its price"
        raise VenueError("not-supported", text)


def _is_open(raw: Mapping[str, Any]) -> bool:
    """Return whether a position holds anything; one whose size is not told is an error, not an empty one."""
    contracts = number(raw.get("contracts"))
    if contracts is None:
        raise VenueError("missing-field", f"the venue does not tell the size of the position in {raw.get('symbol')}")
    return contracts != 0


def _tradable(market: Mapping[str, Any], venue: Venue) -> bool | None:
    """Return whether a position can be reduced there, as far as that is told: more may be let out than in."""
    state, closing = venue.closing
    return None if part(market, "info", state) in closing else told_traded(market)


def _held(
    raw: Mapping[str, Any],
    market: Mapping[str, Any],
    leverages: Mapping[tuple[str, str], float],
    tradable: bool | None,
) -> Held:
    symbol, side = str(raw.get("symbol")), str(raw.get("side"))
    if side not in SIDES:
        raise VenueError("missing-field", f"the venue does not tell which side the position in {symbol} is on")
    contracts = abs(needed(number(raw.get("contracts")), f"positions[{symbol}].quantity", f"the size of {symbol}"))
    quantity = _quantity(raw, market, contracts)
    value = _valued(raw, quantity, side, leverages.get((symbol, side)))
    with fitting(Position, symbol):
        position = Position(
            symbol=snapshot_symbol(market),
            base=str(market["base"]),
            side="LONG" if side == "long" else "SHORT",
            quantity=quantity,
            liquidation_price=_above_zero(raw.get("liquidationPrice")),
            tradable=tradable,
            **value,
        )
    hedged, mode = raw.get("hedged"), raw.get("marginMode")
    return Held(
        position,
        market,
        hedged=hedged if isinstance(hedged, bool) else None,
        maintenance_margin=number(raw.get("maintenanceMargin")),
        contracts=contracts,
        mode=mode if isinstance(mode, str) else None,
    )


def _quantity(raw: Mapping[str, Any], market: Mapping[str, Any], contracts: float) -> float:
    """Return the size in the base asset: contracts × contract size, else notional / mark price."""
    size = first(_above_zero(raw.get("contractSize")), _above_zero(market.get("contractSize")))
    if size is not None:
        return product(contracts, size)
    notional, mark = _magnitude(raw.get("notional")), _above_zero(raw.get("markPrice"))
    quantity = notional / mark if notional and mark else None
    return needed(quantity, f"positions[{raw.get('symbol')}].quantity", f"the contract size of {raw.get('symbol')}")


def _valued(raw: Mapping[str, Any], quantity: float, side: str, set_leverage: float | None) -> dict[str, float]:
    """Return a position's prices and money; what is absent follows from its own definition, or is an error.

    notional = quantity × mark; PnL = (mark − entry) × quantity, the other way round for a short; initial margin =
    notional / leverage. Some venues leave out a PnL of zero, or one of the three of a pair. A notional that is told is
    at the entry price at some venues, and counts where no mark price is told.
    """

    def told(name: str, *others: float | None) -> float:
        return needed(first(*others), f"positions[{raw.get('symbol')}].{name}", f"the {name} of {raw.get('symbol')}")

    value, told_mark = _magnitude(raw.get("notional")), _above_zero(raw.get("markPrice"))
    mark = told("mark_price", told_mark, None if value is None else value / quantity)
    notional = told("notional", value) if told_mark is None else product(quantity, mark)
    entry = told("entry_price", _above_zero(raw.get("entryPrice")))
    margin = not_below_zero(number(raw.get("initialMargin")))
    leverage = told("leverage", _above_zero(raw.get("leverage")), set_leverage, notional / margin if margin else None)
    moved = (mark - entry) * quantity
    return {
        "entry_price": entry,
        "mark_price": mark,
        "notional": notional,
        "margin": told("margin", margin, notional / leverage if leverage else None),
        "leverage": leverage,
        "unrealized_pnl": told("unrealized_pnl", number(raw.get("unrealizedPnl")), moved if side == "long" else -moved),
    }


def _magnitude(value: object) -> float | None:
    """Return a notional without its sign: venues disagree whether a short's is negative."""
    found = number(value)
    return None if found is None else abs(found)


def _above_zero(value: object) -> float | None:
    """Return a price or a leverage, None for the zero or less by which venues say that there is none."""
    found = number(value)
    return found if found is not None and found > 0 else None
