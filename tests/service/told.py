"""A source that tells what a test wants it to, or fails."""

from dataclasses import dataclass, field
from typing import Any

from rulecap.audit.clock import now
from rulecap.service.demo import DemoSource, read_recording, shipped_recording
from rulecap.service.sources import AccountPart, MarketPart, SourceError, UnknownSymbol, plain_symbol
from rulecap.snapshot import read_snapshot

SPECIFIED = {
    "symbol": "BTCUSDT",
    "signal_score": 75,
    "expected_return_pct": 3.5,
    "market_regime": "TRENDING",
    "win_rate": 0.58,
}


@dataclass
class Told:
    """Tells parts; `failure` fails everything, `asked` counts what was asked for."""

    account_part: AccountPart
    markets: dict[str, MarketPart]
    failure: SourceError | None = None
    asked: dict[str, int] = field(default_factory=dict)
    closed: bool = False

    async def account(self) -> AccountPart:
        self._ask("account")
        told = self.account_part
        return AccountPart(told.account, told.positions, told.assets, told.correlation, now())

    async def symbol(self, name: str) -> str:
        if self.failure:
            raise self.failure
        symbol = plain_symbol(name)
        if symbol not in self.markets:
            raise UnknownSymbol(f"no market {symbol}")
        return symbol

    async def market(self, symbol: str) -> MarketPart:
        self._ask(symbol)
        told = self.markets[symbol]
        return MarketPart(told.market, told.book, now())

    async def close(self) -> None:
        self.closed = True

    def _ask(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1
        if self.failure:
            raise self.failure

    def change(self, **account: Any) -> None:
        """Change the account."""
        told = self.account_part
        changed = told.account.model_copy(update=account)
        self.account_part = AccountPart(changed, told.positions, told.assets, told.correlation, told.read_at)


def demo_told() -> Told:
    """Return a source that tells the demo's account."""
    recording = read_recording(shipped_recording())
    part = AccountPart(recording.account, recording.positions, recording.assets, recording.correlation, now())
    markets = {one.market.symbol: MarketPart(one.market, one.book, now()) for one in recording.markets}
    assert set(markets) == set(DemoSource()._markets)
    return Told(part, markets)


def told_of(document: dict[str, Any]) -> Told:
    """Return a source that tells a snapshot's account and market."""
    read = read_snapshot({name: value for name, value in document.items() if name != "signal"})
    assert not isinstance(read, list), read
    part = AccountPart(read.account, read.positions, read.assets, read.correlation, now())
    markets = {read.market.symbol: MarketPart(read.market, read.book, now())} if read.market else {}
    return Told(part, markets)
