"""A log to look into: two accounts, several decisions, two policy versions, refusals, a clock that once goes back."""

from datetime import UTC, datetime, timedelta
from random import Random

from rulecap import load_policy
from rulecap.audit import open_ledger
from rulecap.audit.review.finding import found, way_of
from rulecap.audit.review.selection import Selection

LIMITS = """\
language: 1
policy: limits
version: {version}
title: Stops entries while much margin is used, and remembers the highest equity
memory:
  peak: {{start: equity, next: peak}}
decisions:
  position:
    title: Enter?
    requires: [signal]
    outputs: {{answer: gate.verdict, reason: gate.reason, bet: bet, made: adjustments(bet), since: as_of,
              worst_pnl: "default(worst.unrealized_pnl, 0 USD)", band: zone, sizes: weights, worst_one: worst}}
    verdict: answer
    on_error: {{answer: REJECT, reason: none, bet: 0 USD, made: [], since: none, worst_pnl: none, band: none,
               sizes: [], worst_one: none}}
  state:
    title: How is the account?
    outputs: {{zone: zone.name, equity: equity, loss: loss_pct}}
    verdict: zone
    on_error: {{zone: none, equity: none, loss: none}}
rules:
  equity: {{kind: formula, unit: USD, formula: account.total_wallet_balance + account.unrealized_pnl}}
  peak: {{kind: formula, unit: USD, formula: "max(memory.peak, equity)"}}
  loss_pct: {{kind: formula, unit: percent, formula: "as_percent(peak - equity, peak)"}}
  used_pct: {{kind: formula, unit: percent, formula: "as_percent(account.margin_used, account.total_wallet_balance)"}}
  zone: {{kind: bands, of: used_pct, cases: [{{name: CALM, below: 50%}}, {{name: BUSY, below: 80%}}, {{name: FULL}}]}}
  stopped: {{kind: formula, formula: loss_pct >= 10%}}
  weights: {{kind: each, of: positions as p, give: {{symbol: p.symbol, share: "as_percent(p.margin, equity)"}}}}
  worst: {{kind: pick, from: positions as p, lowest: p.unrealized_pnl}}
  bet: {{kind: adjust, unit: USD, start: "percent_of(equity, 2%)", steps: [
    {{name: losing, times: 0.5, when: loss_pct > 5%}}, {{name: largest, at_most: {most} USD}}]}}
  gate:
    kind: checks
    order: [ENTER, REJECT]
    checks:
      - {{name: margin, if: zone.name == FULL, verdict: REJECT, why: "{{used_pct}} of margin is in use"}}
      - {{name: loss, if: stopped, verdict: REJECT, why: "{{loss_pct}} is lost"}}
history:
  money: {{title: Money, lines: {{equity: equity, peak: peak}}}}
  margin: {{lines: {{used: used_pct}}, states: zone}}
  stop: {{flags: {{stopped: stopped}}}}
"""
START = datetime(2026, 3, 1, tzinfo=UTC)
# What a position in 10 USD of margin or more is asked about; it fails where nothing is left in the account.
JUDGED = """\
rules:
  bet:
    kind: adjust
    unit: USD
    start: account.margin_used
    steps:
      - {name: least, at_least: 20 USD}
      - {name: halved, times: 0.5, when: account.margin_used > 50 USD}
  gate:
    kind: checks
    order: [FINE, LESS, STOP]
    checks:
      - {name: some, if: account.margin_used >= 10 USD, verdict: LESS, why: some is used}
      - {name: much, if: account.margin_used >= 80 USD, verdict: STOP, why: much is used}
  left: {kind: formula, unit: ratio, formula: account.margin_used / account.available_balance}
decisions:
  answer:
    outputs: {verdict: gate.verdict, bet: bet, left: left}
    verdict: verdict
    on_error: {verdict: STOP, bet: 0 USD, left: none}
"""


def limits(folder, version="1.0.0", most=15):
    folder.mkdir()
    (folder / "policy.yaml").write_text(LIMITS.format(version=version, most=most))
    return load_policy(folder)


def snapshot(rng, minute, account):
    regime = {"market_regime": rng.choice(["TRENDING", "RANGING"])} if minute % 3 else {}
    wallet = 1000.0 + rng.randint(-150, 100)
    position = {"symbol": "BTCUSDT", "base": "BTC", "side": "LONG", "quantity": 1.0, "entry_price": 100.0,
                "mark_price": 100.0, "notional": 100.0, "margin": 10.0, "leverage": 10.0,
                "unrealized_pnl": float(rng.randint(-9, 9))}  # fmt: skip
    return {
        "as_of": (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z"),
        "account": {"id": account, "total_wallet_balance": wallet, "available_balance": 1.0,
                    "margin_used": wallet * rng.random(), "unrealized_pnl": 0.0},
        "positions": [position] * rng.randint(0, 1),
        "signal": {"symbol": "BTCUSDT", "score": float(rng.randint(0, 100)), **regime},
    }  # fmt: skip


def write(folder, url=None):
    """Write the log, into a folder where no address is given; return its address."""
    rng, clock = Random("reviewed"), [START]
    policies = [limits(folder / "old"), limits(folder / "new", version="1.1.0", most=12)]
    url = url or f"sqlite:///{folder / 'log.sqlite3'}"
    with open_ledger(url, clock=lambda: clock[0]) as ledger:
        for number in range(160):
            clock[0] += timedelta(minutes=1) if number != 80 else -timedelta(minutes=30)
            policy, account = policies[number > 90], rng.choice(["main", "hedge"])
            given = snapshot(rng, number, account) if number % 20 else {"account": {"id": account}}
            ledger.evaluate(policy, given, rng.choice(["position", "state"]))
    return url


def everything(log, selection=None):
    """Return all records that are selected, the oldest first."""
    return found(log, way_of(log, selection or Selection(), newest_first=False))
