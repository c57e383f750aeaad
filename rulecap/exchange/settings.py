"""How a venue is reached: frozen settings, every one with a default but the venue."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

SANDBOX, QUOTE = "-sandbox", "USDT"


class Frozen(BaseModel):
    """What all settings are: frozen, without unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Credentials(Frozen):
    """Where the API key is read from: a JSON file, else environment variables; never the key itself."""

    file: Annotated[Path | None, Field(description="JSON with key, secret and where needed password.")] = None
    key_variable: Annotated[str, Field(min_length=1)] = "RULECAP_API_KEY"
    secret_variable: Annotated[str, Field(min_length=1)] = "RULECAP_API_SECRET"
    password_variable: Annotated[str, Field(min_length=1)] = "RULECAP_API_PASSWORD"


class Retries(Frozen):
    """How often, and for how long in all, a question is asked again; orders never are."""

    attempts: Annotated[int, Field(ge=1, le=20, description="The first one included.")] = 4
    first_delay_seconds: Annotated[float, Field(ge=0)] = 0.5
    longest_seconds: Annotated[float, Field(ge=0, description="No try begins later than this after the first.")] = 30.0


class ExchangeSettings(Frozen):
    """One account at one venue."""

    venue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$", description="ccxt's id, such as binanceusdm.")]
    sandbox: Annotated[bool, Field(description="The venue's test or demo environment.")] = False
    credentials: Credentials = Credentials()
    quote: Annotated[str, Field(min_length=1, max_length=16, description="The account's currency.")] = QUOTE
    account: Annotated[
        str,
        Field(max_length=64, description="The account's name; empty: the venue's, with another currency than USDT."),
    ] = ""
    timeframe: Annotated[str, Field(pattern=r"^\d{1,3}[mhdw]$", description="The bars' length.")] = "1h"
    bars: Annotated[int, Field(ge=2, le=500, description="How many make ATR and volatility.")] = 14
    book_levels: Annotated[int, Field(ge=1, le=1000)] = 100
    timeout_seconds: Annotated[float, Field(gt=0, le=300, description="For one request.")] = 10.0
    retries: Retries = Retries()
    max_clock_skew_seconds: Annotated[float, Field(gt=0)] = 5.0
    balance_total: Annotated[
        Literal["wallet", "equity"] | None,
        Field(
            description="What a total balance is at a venue that is not in our table: with unrealized PnL or without."
        ),
    ] = None
    origin: Annotated[
        str | None, Field(pattern=r"^https?://[^/\s]+$", description="Another address: a gateway, a venue for tests.")
    ] = None
    deposits_folder: Annotated[
        DirectoryPath | None,
        Field(description="Where it is kept what was counted of deposits; none: beside the log, if it is in SQLite."),
    ] = None
    milliseconds_per_weight: Annotated[
        float | None, Field(ge=0, description="Slower (or quicker) than ccxt's own limit for the venue.")
    ] = None

    @field_validator("account")
    @classmethod
    def _of_no_sandbox(cls, account: str, others: ValidationInfo) -> str:
        """Refuse the name that an account in a test environment has."""
        if account.endswith(SANDBOX) and others.data.get("sandbox") is False:
            raise PydanticCustomError(
                "sandbox-name", "a name that ends in {end} is of an account in a test environment", {"end": SANDBOX}
            )
        return account

    @property
    def place(self) -> str:
        """Where the account is: the venue, its test environment told apart."""
        return f"{self.venue}{SANDBOX}" if self.sandbox else self.venue

    @property
    def account_name(self) -> str:
        """The name under which memory, audit log and journal keep the account; none in a sandbox is a live one's.

        One that nobody named is called by its venue, and by its currency where that is not the usual one: what is kept
        in another currency at the same venue is another account, whose drawdown is its own.
        """
        named = self.account or (self.venue if self.quote == QUOTE else f"{self.venue}-{self.quote}")
        return f"{named.removesuffix(SANDBOX)}{SANDBOX}" if self.sandbox else named
