"""The snapshot: everything a policy may look at, as frozen models that refuse what they do not know.

Numbers carry their unit (`Unit`), so that the language can check what an expression does with them. `WHOLE` marks what
a whole market has, though a reduction needs nothing of it. The models follow JSON's rules for Python values too: "5" is
no number, true is no 1, a time is ISO-8601 text (or an aware datetime) with its zone. Of a list the first element that
is none is enough (`fail_fast`): a megabyte of JSON holds 300,000, and to find ten things wrong with each takes 40 s.
"""

from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from rulecap.snapshot.values import (
    CORRELATION_TOLERANCE,
    MOST_ASSETS,
    MOST_BRACKETS,
    MOST_FACTS,
    MOST_POSITIONS,
    MOST_TRADES,
    BookSide,
    Correlations,
    Fact,
    Moment,
    Name,
    Ordered,
)
from rulecap.units import COUNT, LEVERAGE, PERCENT, PRICE, QUANTITY, RATIO, SCORE, SECONDS, USD, WHOLE, Unit


class Part(BaseModel):
    """What every part of a snapshot is: frozen, strict, finite, without unknown fields."""

    # A part of a derived class is one of its own again: what it adds would be on record, where nothing takes it back.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, revalidate_instances="subclass-instances"
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with other values where they are given; these are validated, as in any other part.

        Raises:
            ValidationError: one of them cannot be there.
        """
        if not update:
            return super().model_copy(deep=deep)
        told = {name: value for name, value in self.__dict__.items() if name in self.model_fields_set}
        return type(self).model_validate({**(deepcopy(told) if deep else told), **update})

    def copy(self, **how: Any) -> Self:
        """Return what pydantic's old `copy` does: without parts, with other values; validated as any other part.

        Raises:
            ValidationError: what comes out is no such part.
        """
        copied = super().copy(**how)
        return type(self).model_validate(
            {name: value for name, value in copied.__dict__.items() if name in copied.model_fields_set}
        )

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Return the part of these values, validated as in any other: what decides relies on that, and does not look.

        Raises:
            ValidationError: they are none of such a part.
        """
        return cls.model_validate(values)


Kind = TypeVar("Kind", bound=Part)


def unlooked(kind: type[Kind], **values: Any) -> Kind:
    """Return a part made of values that were validated elsewhere; they are not validated again."""
    return super(Part, kind).model_construct(**values)


def with_values(part: Kind, values: Mapping[str, Any]) -> Kind:
    """Return a copy of a part with other values, validated elsewhere; they are not validated again."""
    return BaseModel.model_copy(part, update=values)


class Account(Part):
    """The account: one exchange account's balances, in its quote currency."""

    id: Annotated[Name, Field(description="The account's name, under which memory and audit log are kept.")]
    total_wallet_balance: Annotated[float, Field(description="Balance without unrealized PnL."), Unit(USD)]
    available_balance: Annotated[float, Field(description="What is free for new margin."), Unit(USD)]
    margin_used: Annotated[float, Field(description="Initial margin of open positions and orders."), Unit(USD)]
    unrealized_pnl: Annotated[float, Field(description="Unrealized profit (or loss, below 0)."), Unit(USD)]
    maintenance_margin: Annotated[
        float | None, Field(description="Maintenance margin of all open positions."), Unit(USD)
    ] = None
    net_deposits: Annotated[
        float, Field(description="All deposits minus all withdrawals so far; may be negative."), Unit(USD)
    ] = 0.0


class Position(Part):
    """An open position; a hedged account may have several in one symbol."""

    symbol: Annotated[Name, Field(description="The market's symbol.")]
    base: Annotated[Name, Field(description="The base asset, such as BTC.")]
    side: Annotated[Literal["LONG", "SHORT"], Field(description="LONG gains when the price rises.")]
    quantity: Annotated[float, Field(ge=0, description="Size in the base asset, never negative."), Unit(QUANTITY)]
    entry_price: Annotated[float, Field(gt=0, description="Average entry price."), Unit(PRICE)]
    mark_price: Annotated[float, Field(gt=0, description="The exchange's mark price."), Unit(PRICE)]
    notional: Annotated[
        float, Field(description="Value at the mark price; venues send a short's as negative."), Unit(USD)
    ]
    margin: Annotated[float, Field(description="Initial margin held for this position."), Unit(USD)]
    leverage: Annotated[float, Field(ge=0, description="Leverage set for this position."), Unit(LEVERAGE)]
    unrealized_pnl: Annotated[float, Field(description="Unrealized profit (or loss, below 0)."), Unit(USD)]
    score: Annotated[
        float | None, Field(ge=0, le=100, description="The signal's score today, 0 to 100."), Unit(SCORE)
    ] = None
    volatility_pct: Annotated[float | None, Field(ge=0, description="The asset's volatility."), Unit(PERCENT)] = None
    liquidation_price: Annotated[
        float | None, Field(gt=0, description="The exchange's liquidation price."), Unit(PRICE)
    ] = None
    tradable: Annotated[
        bool | None, Field(description="Whether the exchange trades the market at the moment; absent: not told.")
    ] = None


class Signal(Part):
    """A trading signal: what the bot would like to do."""

    symbol: Annotated[Name, Field(description="The market's symbol.")]
    side: Annotated[Literal["BUY", "SELL"], Field(description="The order's side.")] = "BUY"
    score: Annotated[float | None, Field(ge=0, le=100, description="Quality, 0 to 100."), Unit(SCORE)] = None
    expected_return_pct: Annotated[
        float | None, Field(description="Expected return; may be negative."), Unit(PERCENT)
    ] = None
    market_regime: Annotated[Name | None, Field(description="The regime's name; the policy says which it knows.")] = (
        None
    )
    win_rate: Annotated[float | None, Field(ge=0, le=1, description="Share of winning trades."), Unit(RATIO)] = None
    win_loss_ratio: Annotated[float | None, Field(gt=0, description="Average win over average loss."), Unit(RATIO)] = (
        None
    )
    trades: Annotated[
        int | None, Field(ge=0, le=MOST_TRADES, description="How many trades win_rate was measured on."), Unit(COUNT)
    ] = None
    stop_distance_pct: Annotated[
        float | None, Field(gt=0, description="Distance of the stop from the price."), Unit(PERCENT)
    ] = None
    reduce_only: Annotated[bool, Field(description="True where the order may only reduce a position.")] = False
    quantity: Annotated[
        float | None, Field(gt=0, description="Quantity to reduce by; absent: all of it."), Unit(QUANTITY)
    ] = None


class Bracket(Part):
    """A leverage bracket of the exchange: what holds up to and including its largest notional."""

    max_notional: Annotated[float, Field(gt=0, description="Largest notional of the bracket, included."), Unit(USD)]
    max_leverage: Annotated[float, Field(gt=0, description="Largest leverage in the bracket."), Unit(LEVERAGE)]
    maintenance_margin_rate: Annotated[
        float, Field(ge=0, le=1, description="Maintenance margin as a share of notional."), Unit(RATIO)
    ]
    maintenance_amount: Annotated[
        float, Field(ge=0, description="Deducted from the maintenance margin (the exchange's cum)."), Unit(USD)
    ]


class Market(Part):
    """The market of the signal. A reduction needs symbol and price alone; everything else belongs to a whole market."""

    symbol: Annotated[Name, Field(description="The market's symbol.")]
    price: Annotated[float, Field(gt=0, description="Last or mark price."), Unit(PRICE)]
    base: Annotated[Name | None, Field(description="The base asset, such as BTC."), WHOLE] = None
    atr_pct: Annotated[
        float | None, Field(ge=0, description="Average true range as a percent of price."), Unit(PERCENT), WHOLE
    ] = None
    spread_pct: Annotated[
        float | None, Field(ge=0, description="Best ask minus best bid as a percent of mid."), Unit(PERCENT), WHOLE
    ] = None
    depth_score: Annotated[
        float | None, Field(ge=0, le=1, description="How deep the book is, 0 to 1."), Unit(RATIO)
    ] = None
    min_quantity: Annotated[
        float | None, Field(ge=0, description="Smallest order quantity."), Unit(QUANTITY), WHOLE
    ] = None
    quantity_step: Annotated[
        float | None, Field(gt=0, description="Quantities are multiples of it."), Unit(QUANTITY), WHOLE
    ] = None
    min_notional: Annotated[float | None, Field(ge=0, description="Smallest order value."), Unit(USD), WHOLE] = None
    brackets: Annotated[
        tuple[Bracket, ...] | None,
        Field(
            strict=False,
            max_length=MOST_BRACKETS,
            fail_fast=True,
            description="Leverage brackets, ascending by max_notional.",
        ),
        Ordered(),
    ] = None
    taker_fee_pct: Annotated[float | None, Field(description="Fee of a taker's fill."), Unit(PERCENT)] = None
    maker_fee_pct: Annotated[
        float | None, Field(description="Fee of a maker's fill; a rebate is negative."), Unit(PERCENT)
    ] = None

    @model_validator(mode="after")
    def _brackets_ascend(self) -> Self:
        """Refuse brackets out of order: the first that holds the notional would be the wrong one."""
        brackets = self.brackets or ()
        for index, (lower, upper) in enumerate(pairwise(brackets), start=1):
            if not lower.max_notional < upper.max_notional:
                raise PydanticCustomError(
                    "brackets-not-sorted",
                    "max_notional must rise from bracket to bracket, but {upper} follows {lower}",
                    {"at": f".brackets[{index}]", "upper": upper.max_notional, "lower": lower.max_notional},
                )
        return self


class Book(Part):
    """An order book: levels of [price, quantity], best first on both sides, neither side empty, not crossed."""

    bids: Annotated[BookSide, Field(description="What buyers offer, highest price first: [price, quantity].")]
    asks: Annotated[BookSide, Field(description="What sellers ask, lowest price first: [price, quantity].")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Refuse levels out of order and a best bid above the best ask; equal ones are a locked market, not crossed."""
        bids, asks = [level[0] for level in self.bids], [level[0] for level in self.asks]
        # Sorting what is sorted costs less than comparing neighbours; the culprit is sought only when needed.
        if bids != sorted(bids, reverse=True):
            raise _not_sorted("bids", "fall", next(i for i in range(1, len(bids)) if bids[i] > bids[i - 1]))
        if asks != sorted(asks):
            raise _not_sorted("asks", "rise", next(i for i in range(1, len(asks)) if asks[i] < asks[i - 1]))
        if bids[0] > asks[0]:
            raise PydanticCustomError(
                "book-crossed",
                "the best bid {bid} must not be above the best ask {ask}",
                {"at": "", "bid": bids[0], "ask": asks[0]},
            )
        return self


def _not_sorted(side: str, way: str, index: int) -> PydanticCustomError:
    """Return the error for the first level that is out of order."""
    return PydanticCustomError(
        "book-not-sorted",
        "prices of {side} must {way} from level to level",
        {"at": f".{side}[{index}]", "side": side, "way": way},
    )


class Asset(Part):
    """One asset of the allocation."""

    symbol: Annotated[Name, Field(description="The market's symbol, once in the list.")]
    volatility_pct: Annotated[float, Field(gt=0, description="The asset's volatility."), Unit(PERCENT)]
    base: Annotated[Name | None, Field(description="The base asset, such as BTC.")] = None


class Snapshot(Part):
    """One moment of one account, and the market that a signal is about."""

    as_of: Annotated[Moment, Field(description="The moment, ISO-8601 with its zone; kept in UTC.")]
    account: Annotated[Account, Field(description="The account's balances.")]
    age_seconds: Annotated[
        float | None, Field(ge=0, description="How old the snapshot was when it was handed in."), Unit(SECONDS)
    ] = None
    positions: Annotated[
        tuple[Position, ...],
        Field(strict=False, max_length=MOST_POSITIONS, fail_fast=True, description="The open positions."),
        Ordered(),
    ] = ()
    signal: Annotated[Signal | None, Field(description="The signal that is to be judged.")] = None
    market: Annotated[Market | None, Field(description="The signal's market.")] = None
    book: Annotated[Book | None, Field(description="The market's order book.")] = None
    assets: Annotated[
        tuple[Asset, ...] | None,
        Field(
            strict=False, max_length=MOST_ASSETS, fail_fast=True, description="The assets that capital is allocated to."
        ),
        Ordered(),
    ] = None
    correlation: Annotated[Correlations, Ordered()] = None
    facts: Annotated[
        dict[Name, Fact], Field(max_length=MOST_FACTS, description="Whatever else the policy's inputs name.")
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _allocation_fits(self) -> Self:
        """Refuse an asset that is named twice, and a correlation matrix that cannot be one of these assets."""
        if self.assets:
            seen: set[str] = set()
            for index, asset in enumerate(self.assets):
                if asset.symbol in seen:
                    raise PydanticCustomError(
                        "duplicate-asset",
                        "{symbol} is in the list twice",
                        {"at": f"assets[{index}].symbol", "symbol": asset.symbol},
                    )
                seen.add(asset.symbol)
        if self.correlation is not None:
            _check_correlation(self.correlation, len(self.assets or ()))
        return self


def _check_correlation(matrix: tuple[tuple[float, ...], ...], size: int) -> None:
    """Raise where the matrix is not square in the assets, symmetric, with ones on its diagonal."""
    if len(matrix) != size:
        raise _bad_correlation("correlation", f"must have one row for each of the {size} assets, has {len(matrix)}")
    for i, row in enumerate(matrix):
        if len(row) != size:
            raise _bad_correlation(
                f"correlation[{i}]", f"must have one number for each of the {size} assets, has {len(row)}"
            )
    for i, row in enumerate(matrix):
        if abs(row[i] - 1.0) > CORRELATION_TOLERANCE:
            raise _bad_correlation(f"correlation[{i}][{i}]", f"must be 1 (an asset with itself), is {row[i]}")
        for j in range(i):
            if abs(row[j] - matrix[j][i]) > CORRELATION_TOLERANCE:
                text = f"must equal correlation[{j}][{i}], but {row[j]} is not {matrix[j][i]}"
                raise _bad_correlation(f"correlation[{i}][{j}]", text)


def _bad_correlation(at: str, text: str) -> PydanticCustomError:
    """Return the error for a matrix that is none of correlations."""
    return PydanticCustomError("bad-correlation", "{text}", {"at": at, "text": text})
