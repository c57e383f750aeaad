"""Request bodies: as small as the specification's, and nothing in them that is not known."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from rulecap.service.contract import NO_SYMBOL, SIGNAL_NAMES
from rulecap.service.problems import malformed
from rulecap.snapshot import Asset, Signal
from rulecap.snapshot.findings import problems_of
from rulecap.snapshot.model import unlooked, with_values
from rulecap.snapshot.twice import twice
from rulecap.snapshot.values import MOST_ASSETS, MOST_TRADES, Correlations


def _whole(value: object) -> object:
    """Return 30 for 30.0: in JSON both are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Symbol = Annotated[str, Field(min_length=1, max_length=64, description="`BTCUSDT` or `BTC/USDT:USDT`.")]
Score = Annotated[float | None, Field(ge=0, le=100, description="Quality of the signal, 0 to 100.")]
Return = Annotated[float | None, Field(description="Expected return in percent; may be negative.")]
Regime = Annotated[
    str | None, Field(min_length=1, max_length=64, description="The market's regime; `/api/policy` says which.")
]
WinRate = Annotated[float | None, Field(ge=0, le=1, description="Share of winning trades.")]
Ratio = Annotated[float | None, Field(gt=0, description="Average win over average loss.")]
Trades = Annotated[
    Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MOST_TRADES)] | None,
    Field(description="How many trades the win rate rests on."),
]
Distance = Annotated[float | None, Field(gt=0, description="Distance of the stop from the price, in percent.")]
Quantity = Annotated[float | None, Field(gt=0, description="What to reduce by; absent: all of it.")]
# Copied for each request, which is quicker than to construct one.
BLANK = unlooked(Signal, symbol="")
NEEDED = ("signal_score", "expected_return_pct", "market_regime", "win_rate")


def signal_of(fields: Mapping[str, Any]) -> Signal:
    """Return the signal of fields that were validated."""
    return with_values(BLANK, fields)


class Body(BaseModel):
    """What all bodies are: frozen, strict, finite, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, title="request")

    def signal(self, symbol: str) -> Signal:
        """Return the signal that the body tells, in a market."""
        told = self.__dict__.items()
        fields = {SIGNAL_NAMES.get(name, name): value for name, value in told if value is not None}
        return signal_of({**fields, "symbol": symbol})


def _whole_or_reducing(schema: dict[str, Any]) -> None:
    """Say in the schema what is needed: all that the specification's body has, unless the order only reduces."""
    reducing = {"properties": {"reduce_only": {"const": True}}, "required": ["reduce_only"]}
    # Not as `anyOf`: generated clients would have a class for each way, and one of them without a field.
    schema |= {"if": reducing, "else": {"required": list(NEEDED)}}
    for name in NEEDED:  # null stands for absent, which is enough for a reduction alone
        schema["properties"][name] = _without_null(schema["properties"][name])


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**rest, **kinds[0]} if len(kinds) == 1 else schema


class Recommendation(Body):
    """A trade that is asked about."""

    model_config = ConfigDict(
        json_schema_extra=_whole_or_reducing,
        title="request",
    )

    symbol: Symbol
    signal_score: Score = None
    expected_return_pct: Return = None
    market_regime: Regime = None
    win_rate: WinRate = None
    side: Annotated[Literal["BUY", "SELL"], Field(description="The order's side.")] = "BUY"
    win_loss_ratio: Ratio = None
    trades: Trades = None
    stop_distance_pct: Distance = None
    reduce_only: Annotated[bool, Field(description="True where the order may only reduce a position.")] = False
    quantity: Quantity = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [name for name in NEEDED if getattr(self, name) is None]
        if missing and not self.reduce_only:
            text = f"is missing (so says {', '.join(missing)}; only a reduction needs none of them)"
            raise PydanticCustomError("missing-field", "{text}", {"at": missing[0], "text": text})
        return self


class Kelly(Body):
    """A record of trades that is to be bet on."""

    symbol: Annotated[str | None, Field(min_length=1, max_length=64, description="The market, if it is for one.")] = (
        None
    )
    win_rate: Annotated[float, Field(ge=0, le=1, description="Share of winning trades.")]
    win_loss_ratio: Ratio = None
    market_regime: Regime = None
    trades: Trades = None

    def of_nothing(self) -> Signal:
        """Return the signal where no market is named."""
        return self.signal(NO_SYMBOL)


class Allocation(Body):
    """The assets that capital is to be divided among."""

    assets: Annotated[tuple[Asset, ...], Field(strict=False, min_length=1, max_length=MOST_ASSETS, fail_fast=True)]
    correlation: Correlations = None


class Record(BaseModel):
    """What a leverage may rest on, in the query."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    win_rate: WinRate = None
    market_regime: Regime = None
    trades: Trades = None

    def signal(self, symbol: str) -> Signal:
        """Return the signal that the query tells, in a market."""
        return signal_of({**self.model_dump(exclude_none=True), "symbol": symbol})


B = TypeVar("B", bound=Body)


def read_body(model: type[B], text: bytes) -> B:
    """Return the body that a request has.

    Raises:
        Refused: it is not what the endpoint takes; every finding with its place.
    """
    try:
        body = model.model_validate_json(text)
    except ValidationError as error:
        raise malformed(problems_of(error, model)) from error
    # Each name has a colon: where there are no more of them than fields were given, none is there twice.
    if text.count(b":") != len(body.model_fields_set) and (problems := twice(text)):
        raise malformed(problems)
    return body
