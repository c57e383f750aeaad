"""The order, what speaks against it, and the outputs."""

from math import ceil
from typing import Any

from benchmarks.handwritten.account import (
    LARGE,
    MEDIUM,
    TIERS,
    Band,
    Drawdown,
    Record,
    band_of,
    check_inputs,
    drawdown_of,
    margin_used_of,
    tier_name,
    zone_of,
)
from benchmarks.handwritten.book import Liquidity, liquidity_of, round_down, slices_of
from benchmarks.handwritten.text import percent, plain, usd
from benchmarks.handwritten.trade import (
    bracket_of,
    change,
    correlated_of,
    heat_of,
    kelly_of,
    leverage_of,
    liquidation_of,
    opportunity_of,
    optimum_of,
    parity_of,
    tier_room_of,
)
from rulecap import Snapshot

SEVERITY = {"ENTER": 0, "CAUTION": 1, "HOLD": 2, "REJECT": 3}


def decide(snapshot: Snapshot, memory: Record | None) -> tuple[Record, Record]:
    """Return the outputs of the position decision for an entry, and the next memory."""
    check_inputs(snapshot)
    account, signal, market, positions = snapshot.account, snapshot.signal, snapshot.market, snapshot.positions
    assert signal is not None
    assert market is not None
    wallet, margin_used = account.total_wallet_balance, account.margin_used
    equity, capital = wallet + account.unrealized_pnl, max(wallet, 0.0)
    margin_used_pct = margin_used_of(wallet, margin_used, positions)
    band, zone, base = band_of(wallet), zone_of(margin_used_pct), market.base or ""
    tier = TIERS[tier_name(base)]
    drawdown = drawdown_of(snapshot.as_of, wallet, equity, account.net_deposits, memory)
    changes: list[Record] = []

    kelly, risk = kelly_of(signal, band, changes)
    desired = capital * risk / 100.0
    optimum, bracket = optimum_of(snapshot, wallet), bracket_of(market.brackets, desired)
    leverage = leverage_of(optimum, band, base, drawdown, bracket, changes)
    liquidity = liquidity_of(snapshot.book, signal.side, desired)
    heat = heat_of(positions, wallet, margin_used, band)
    parity = parity_of(snapshot.assets, market.symbol)
    opportunity, worst_score, closed = opportunity_of(signal, positions, 100.0 - margin_used_pct)

    order = Order(snapshot, desired, leverage, capital, changes)
    order.protect(liquidity, heat, drawdown)
    order.cap(liquidity, parity, tier_room_of(positions, wallet, tier), band, tier.name)
    size = order.size()
    reasons = Reasons()
    reasons.of_account(snapshot, band, kelly, zone, margin_used_pct)
    reasons.of_drawdown(drawdown)
    reasons.of_positions(snapshot, band, opportunity, 100.0 - margin_used_pct)
    reasons.of_order(snapshot, desired, bracket, order.notional, size, capital)
    reasons.of_doubt(snapshot, band, opportunity, worst_score, drawdown)
    reasons.of_liquidity(snapshot, liquidity, desired, heat)
    reasons.of_sizing(snapshot, band, risk, kelly, correlated_of(snapshot, closed))
    placed = reasons.verdict in ("ENTER", "CAUTION")
    method, slices = execution(market, size, liquidity)
    usd_placed, expected = (size[0] if placed else 0.0), signal.expected_return_pct
    margin = size[0] / leverage
    return {
        "recommendation": reasons.verdict,
        "reason": reasons.reason,
        "reasons": reasons.found,
        "optimal_leverage": leverage,
        "unconstrained_leverage": optimum,
        "position_size_usd": usd_placed,
        "quantity": size[1] if placed else 0.0,
        "margin_required": margin if placed else 0.0,
        "risk_pct": 100.0 * usd_placed / capital if capital > 0.0 else 0.0,
        "would_be": {"position_size_usd": size[0], "quantity": size[1], "margin_required": margin},
        "execution_method": method,
        "slices": slices if placed else [],
        "tier": tier.name,
        "opportunity": opportunity,
        "close_symbol": closed.symbol if closed else None,
        "close_side": closed.side if closed else None,
        "zone": zone,
        "drawdown_state": drawdown.name,
        "drawdown_pct": drawdown.pct,
        "size_multiplier": drawdown.size,
        "kelly_pct": kelly,
        "risk_parity_pct": None if parity is None else 100.0 * parity,
        "impact_pct": liquidity.impact,
        "expected_return_usd": None if expected is None else usd_placed * expected / 100.0,
        "liquidation_price": liquidation_of(
            signal.side, size[1], market.price, margin, bracket_of(market.brackets, size[0])
        ),
        "adjustments": changes,
    }, drawdown.memory


class Order:
    """The notional of the order as it shrinks."""

    __slots__ = ("capital", "changes", "leverage", "notional", "snapshot")

    def __init__(self, snapshot: Any, desired: float, leverage: float, capital: float, changes: list[Record]) -> None:
        """Start with what is desired."""
        self.snapshot, self.notional = snapshot, desired
        self.leverage, self.capital, self.changes = leverage, capital, changes

    def to(self, name: str, notional: float, why: str) -> None:
        """Change the notional, on record."""
        self.changes.append(change("order_notional", name, self.notional, notional, why))
        self.notional = notional

    def protect(self, liquidity: Liquidity, heat: tuple[str, float, float], drawdown: Drawdown) -> None:
        """Multiply by what liquidity, heat and drawdown leave; nothing of nothing is no change."""
        if not self.notional:
            return
        if liquidity.size != 1.0:
            why = f"× {plain(liquidity.size)}: the impact of {usd(self.notional)} is {liquidity.name}."
            self.to("liquidity", self.notional * liquidity.size, why)
        if heat[2] != 1.0:
            why = f"× {plain(heat[2])}: portfolio heat is {percent(heat[1])}, {heat[0]}."
            self.to("portfolio heat", self.notional * heat[2], why)
        if drawdown.size != 1.0:
            below = f"equity is {percent(drawdown.pct)} below its high-water mark, {drawdown.name}."
            self.to("drawdown", self.notional * drawdown.size, f"× {plain(drawdown.size)}: {below}")

    def cap(self, liquidity: Liquidity, parity: float | None, room: float, band: Band, tier: str) -> None:
        """Cap by impact, risk parity, tier room and available balance."""
        largest, leverage, available = liquidity.largest, self.leverage, self.snapshot.account.available_balance
        if largest is not None and largest < self.notional:
            self.to("impact cap", largest, f"Beyond {usd(largest)} the impact is over 0.2 %.")
        if parity is not None and self.capital * parity * leverage < self.notional:
            why = f"{self.snapshot.market.symbol} gets {percent(100.0 * parity)} of the capital as margin."
            self.to("risk parity", self.capital * parity * leverage, why)
        if (band is MEDIUM or band is LARGE) and room * leverage < self.notional:
            self.to("tier room", room * leverage, f"The {tier} tier has {usd(room)} of margin left.")
        if max(available, 0.0) * leverage < self.notional:
            why = f"{usd(available)} is available for margin."
            self.to("available balance", max(available, 0.0) * leverage, why)

    def size(self) -> tuple[float, float]:
        """Return what the order is worth on the exchange's step, and its quantity."""
        market = self.snapshot.market
        quantity = round_down(self.notional / market.price, market.quantity_step)
        return quantity * market.price, quantity


def execution(market: Any, size: tuple[float, float], liquidity: Liquidity) -> tuple[str, list[float]]:
    """Return how the order is executed, and its slices."""
    if not liquidity.depth_20:
        return "LIMIT", []
    share = 100.0 * size[0] / liquidity.depth_20
    if share <= 10.0:
        return "LIMIT", []
    least = max(market.min_quantity, market.min_notional / market.price)
    parts = min(20, max(2, ceil(share / 5.0)))
    slices = slices_of(size[1], parts, market.quantity_step, least)
    if not slices:
        return "LIMIT", []
    return ("ICEBERG" if share > 25.0 else "TWAP"), slices


class Reasons:
    """What speaks against the entry, in the policy's words, and the worst verdict."""

    __slots__ = ("found", "reason", "verdict")

    def __init__(self) -> None:
        """Start with nothing against it."""
        self.found: list[Record] = []
        self.verdict, self.reason = "ENTER", ""

    def add(self, check: str, verdict: str, text: str) -> None:
        """Note a reason."""
        self.found.append({"check": check, "verdict": verdict, "text": text})
        if SEVERITY[verdict] > SEVERITY[self.verdict]:
            self.verdict, self.reason = verdict, text

    def of_account(self, snapshot: Any, band: Band, kelly: float, zone: str, margin_used_pct: float) -> None:
        """Edge, account size, asset, margin zone."""
        signal, base, wallet = snapshot.signal, snapshot.market.base, snapshot.account.total_wallet_balance
        if kelly <= 1e-9:
            ratio = plain(signal.win_loss_ratio or 1.5)
            self.add(
                "edge",
                "REJECT",
                f"no edge: winning {plain(signal.win_rate)} of trades with wins of {ratio} times the losses is "
                f"{percent(kelly)} Kelly",
            )
        if band.name == "TOO_SMALL":
            self.add("account size", "REJECT", f"TOO_SMALL: a wallet of {usd(wallet)} is below $100")
        if band.assets is not None and base not in band.assets:
            allowed = ", ".join(band.assets)
            self.add("asset", "REJECT", f"{base} is not for a {band.name} account, which trades {allowed}")
        if zone != "GREEN_ZONE":
            self.add(
                "margin zone",
                "REJECT",
                f"{zone}: {percent(margin_used_pct)} of the wallet is margin, new entries are paused",
            )

    def of_drawdown(self, drawdown: Drawdown) -> None:
        """The circuit breaker."""
        if drawdown.open_until is not None:
            tripped, until = drawdown.memory["breaker_tripped_at"], drawdown.open_until.isoformat()
            text = f"the circuit breaker tripped at {tripped}: no entries until {until.replace('+00:00', 'Z')}"
            self.add("circuit breaker", "REJECT", text)

    def of_positions(self, snapshot: Any, band: Band, opportunity: str, margin_free_pct: float) -> None:
        """The number of positions, and what the tree skips."""
        count = len(snapshot.positions)
        if count >= band.positions and opportunity != "ENTER_AND_CLOSE_WORST":
            text = f"{count} positions are open, a {band.name} account holds at most {band.positions}"
            self.add("number of positions", "REJECT", text)
        if opportunity == "SKIP":
            self.add(
                "opportunity cost",
                "REJECT",
                f"SKIP: only {percent(margin_free_pct)} of margin is free, and a score of "
                f"{plain(snapshot.signal.score)} is not worth the last of it",
            )

    def of_order(  # one function for the checks that speak of the order
        self, snapshot: Any, desired: float, bracket: Any, notional: float, size: tuple[float, float], capital: float
    ) -> None:
        """Brackets, quantity, minimum, age."""
        market, age = snapshot.market, snapshot.age_seconds
        if market.brackets and bracket is None:
            text = f"a desired position of {usd(desired)} is above the exchange's largest bracket"
            self.add("exchange brackets", "REJECT", text)
        minimum = max(market.min_notional, market.min_quantity * market.price)
        if size[0] < minimum or size[0] <= 0.0:
            share = percent(100.0 * minimum / capital if capital > 0.0 else None)
            if size[0] <= 0.0:
                step = f"one step of {plain(market.quantity_step)} {market.base} at {plain(market.price)}"
                text = f"{usd(notional)} is less than {step}, so the quantity is 0; the exchange's minimum of"
                self.add("quantity", "REJECT", f"{text} {usd(minimum)} would be {share} of the wallet")
            if size[0] < minimum:
                text = f"an order of {usd(size[0])} is under the exchange's minimum of {usd(minimum)}"
                self.add("exchange minimum", "REJECT", f"{text}, which would be {share} of the wallet")
        if age is not None and age > 60.0:
            self.add("snapshot age", "REJECT", f"the snapshot is {plain(age)} s old, more than 60 s")

    def of_doubt(
        self, snapshot: Any, band: Band, opportunity: str, worst_score: float | None, drawdown: Drawdown
    ) -> None:
        """A better use of capital, drawdown, a short record."""
        signal = snapshot.signal
        if opportunity == "HOLD" and worst_score is not None:
            self.add(
                "better use of capital",
                "HOLD",
                f"HOLD: a score of {plain(signal.score)} does not beat the worst open position's {plain(worst_score)} "
                "by more than 10",
            )
        elif opportunity == "HOLD":
            text = (
                f"HOLD: a score of {plain(signal.score)} is not worth an entry beside what is open, and the exchange "
                "trades none of it at the moment"
            )
            self.add("nothing to close", "HOLD", text)
        if drawdown.name != "NORMAL":
            text = f"{drawdown.name} drawdown: equity is {percent(drawdown.pct)} below its high-water mark"
            self.add("drawdown", "CAUTION", text)
        if signal.trades is not None and signal.trades < 30:
            text = f"the win rate rests on {plain(signal.trades)} trades, fewer than 30"
            self.add("track record", "CAUTION", text)

    def of_liquidity(self, snapshot: Any, liquidity: Liquidity, desired: float, heat: tuple[str, float, float]) -> None:
        """Impact, thin or absent book, heat."""
        if snapshot.book is None:
            self.add("order book", "CAUTION", "there is no order book, so liquidity is unknown")
        elif liquidity.impact is None:
            text = f"the book's first 100 levels cannot fill {usd(desired)}"
            self.add("thin book", "CAUTION", text)
        elif liquidity.impact > 0.2:
            text = f"{usd(desired)} would be filled {percent(liquidity.impact)} off the mid price, more than 0.2 %"
            self.add("market impact", "CAUTION", text)
        if heat[0] == "HOT":
            self.add("portfolio heat", "CAUTION", f"portfolio heat is {percent(heat[1])}, more than 70 %")

    def of_sizing(self, snapshot: Any, band: Band, risk: float, kelly: float, correlated: list[str]) -> None:
        """Spread, more than Kelly, correlation."""
        spread = snapshot.market.spread_pct
        if spread >= 0.3:
            self.add("spread", "CAUTION", f"the spread is {percent(spread)}, 0.3 % or more")
        if risk > kelly:
            text = f"the {band.name} band's floor puts {percent(risk)} on the trade, full Kelly is {percent(kelly)}"
            self.add("more than Kelly", "CAUTION", text)
        if correlated:
            text = f"{snapshot.signal.symbol} is correlated by more than 0.8 with what is open: {', '.join(correlated)}"
            self.add("correlation", "CAUTION", text)
