"""The demo: one recorded account and its markets, stamped as of now."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from rulecap.audit.clock import now
from rulecap.problems import did_you_mean, shown
from rulecap.resources import resource_folder
from rulecap.service.sources import AccountPart, MarketPart, UnknownSymbol, plain_symbol
from rulecap.snapshot import Account, Asset, Book, Market, Position


class Recorded(BaseModel):
    """A market as it was recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market: Market
    book: Book


class Recording(BaseModel):
    """An account and its markets as they were recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Account
    positions: tuple[Position, ...]
    assets: tuple[Asset, ...]
    correlation: tuple[tuple[float, ...], ...]
    markets: tuple[Recorded, ...]


class DemoSource:
    """Tells the recorded account, whenever it is asked, as if it were so now."""

    def __init__(self, recording: Recording | None = None) -> None:
        """Take a recording; the shipped one where none is given."""
        self._recording = recording or read_recording(shipped_recording())
        self._markets = {one.market.symbol: one for one in self._recording.markets}

    async def account(self) -> AccountPart:
        """Return the account."""
        told = self._recording
        return AccountPart(told.account, told.positions, told.assets, told.correlation, now())

    async def symbol(self, name: str) -> str:
        """Return the snapshot's symbol of a market."""
        symbol = plain_symbol(name)
        if symbol not in self._markets:
            hint = did_you_mean(symbol, self._markets)
            raise UnknownSymbol(f"the demo has no market {shown(name)}: {hint}".removesuffix(": "))
        return symbol

    async def market(self, symbol: str) -> MarketPart:
        """Return a market."""
        told = self._markets[await self.symbol(symbol)]
        return MarketPart(told.market, told.book, now())

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def shipped_recording() -> Path:
    """Return the file of the recorded account that comes with the package."""
    return resource_folder("policies") / "default" / "examples" / "demo" / "account.json"


def read_recording(file: Path) -> Recording:
    """Return the recording in a file."""
    return Recording.model_validate_json(file.read_bytes())
