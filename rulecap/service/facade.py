"""The specification's own names for what decides: its integration code runs as it is written.

Each is built in one line, over an account that is told by any source:

    capital_orchestrator = CapitalOrchestrator(source, log="sqlite:///risk.sqlite3")
    dynamic_capital_manager = DynamicCapitalManager(source)
    margin_monitor = MarginMonitor()
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from pydantic import ValidationError

from rulecap.audit import open_ledger
from rulecap.audit.clock import now
from rulecap.audit.ledger import Asked
from rulecap.engine.decision import Decision
from rulecap.engine.policy import load_policy
from rulecap.language.values import is_number
from rulecap.problems import Problem
from rulecap.service.bodies import Recommendation
from rulecap.service.contract import MARGIN, POSITION, STATE
from rulecap.service.problems import shown_problem
from rulecap.service.resuming import resume
from rulecap.service.settings import ServiceSettings
from rulecap.service.sources import WHOLE, Lacking, Source, SourceError
from rulecap.service.view import SharedView
from rulecap.snapshot import Account, Signal, Snapshot
from rulecap.snapshot.findings import describe, problems_of
from rulecap.snapshot.reading import without_numpy

SHIPPED = "default"
# That code takes whatever is neither of these two for "proceed with caution", so nothing else may mean "wait".
ENTER, CAUTION, REJECT = "ENTER", "CAUTION", "REJECT"
NEXT_TRIES = 8


class Office:
    """What decides about an account: a policy, a view that is read anew for each question, a log."""

    def __init__(
        self, source: Source, policy: str | Path = SHIPPED, log: str | None = None, asked_by: str | None = None
    ) -> None:
        """Take where account and markets come from, the policy, and the log's address; none: nothing is recorded.

        `asked_by` is who asks, as it goes on record.

        Raises:
            PolicyError: the policy cannot be used.
            LogError: the log cannot be opened or read.
        """
        self._policy, self._view = load_policy(policy), SharedView(source, ServiceSettings())
        self._ledger, self._asked_by = open_ledger(log) if log else None, asked_by
        if log:
            try:
                resume(source, log, self._policy)
            except BaseException:
                self.close()
                raise

    async def _decide(self, decision: str) -> Decision:
        """Return the decision on the account alone, on record where there is a log.

        Raises:
            SourceError: the account cannot be read, or not as a whole.
        """
        await self._view.refresh()
        if self._view.failure is not None:
            raise self._view.failure
        snapshot, _ = await self._view.snapshot()
        return await self._recorded(decision, snapshot)

    async def _judge(self, decision: str, symbol: str, signal: Signal) -> Decision:
        """Return the decision on a signal; of an account that is not whole a reduction alone, which is on no record.

        Raises:
            SourceError: the account cannot be read.
        """
        await self._view.refresh()
        lacking = self._view.account.lacking if self._view.account else WHOLE
        failure = self._view.failure
        if failure is not None and failure is not lacking.why:
            raise failure
        snapshot, unread = await self._view.snapshot(symbol, signal)
        if failure is not None:
            return self._unrecorded(decision, snapshot, failure, lacking)
        decided = await self._recorded(decision, snapshot)
        if unread is not None and not decided.ok:
            decided.problems = (*decided.problems, unread.problem())
        return decided

    async def _recorded(self, decision: str, snapshot: Snapshot) -> Decision:
        import asyncio

        if self._ledger is None:
            return self._policy.evaluate(snapshot, decision)
        return await asyncio.to_thread(self._ledger.evaluate, self._policy, snapshot, decision, asked_by=self._asked_by)

    def _unrecorded(self, decision: str, snapshot: Snapshot, failure: SourceError, lacking: Lacking) -> Decision:
        problem = failure.problem()
        if lacking.hides(snapshot):
            return self._policy.refused(decision, problem)
        if self._ledger is None:
            return self._policy.partially(snapshot, decision, lacking.unknown, problem)
        return self._ledger.unrecorded(Asked(self._policy, snapshot, decision), problem, lacking.unknown)

    def close(self) -> None:
        """Let go of the log."""
        if self._ledger is not None:
            self._ledger.close()


class SignalFields(TypedDict, total=False):
    """What a signal may say beside its symbol, as a REST body has it; a reduction does without the first four."""

    signal_score: float | None
    expected_return_pct: float | None
    market_regime: str | None
    win_rate: float | None
    side: Literal["BUY", "SELL"]
    win_loss_ratio: float | None
    trades: int | None
    stop_distance_pct: float | None
    reduce_only: bool
    quantity: float | None


class CapitalOrchestrator(Office):
    """Recommends positions."""

    async def get_position_recommendation(self, symbol: str, **signal: Unpack[SignalFields]) -> dict[str, Any]:
        """Return the recommendation for a signal, with its outputs and `decision_id`.

        Args:
            symbol: `BTCUSDT` or `BTC/USDT:USDT`.
            signal: signal_score, expected_return_pct, market_regime, win_rate, and what else `SignalFields` has.

        Raises:
            SourceError: the account cannot be read, or there is no such market.
        """
        try:
            body = Recommendation(symbol=symbol, **without_numpy(dict(signal)))
        except ValidationError as error:
            return self._refused(problems_of(error, Recommendation))
        market = await self._view.symbol(symbol)
        decided = await self._judge(POSITION, market, body.signal(market))
        return _told(_two_worlds(decided), decided)

    def _refused(self, problems: list[Problem]) -> dict[str, Any]:
        """Return the policy's answer for the case that something is wrong, and what is; it is on no record."""
        decided = self._policy.refused(POSITION, problems[0])
        told = {**decided.outputs, "reason": _in_words(problems)}
        return {**told, "decision_id": None, "problems": [shown_problem(one) for one in problems]}


class DynamicCapitalManager(Office):
    """Tells the state of the capital."""

    async def get_capital_state(self) -> dict[str, Any]:
        """Return the outputs of the decision `state`.

        Raises:
            SourceError: the account cannot be read.
        """
        decided = await self._decide(STATE)
        return _told(decided.outputs, decided)


class MarginMonitor:
    """Tells in which zone a share of used margin is; it knows no positions, so it names no actions."""

    def __init__(self, policy: str | Path = SHIPPED) -> None:
        """Take the policy.

        Raises:
            PolicyError: it cannot be used.
        """
        self._policy = load_policy(policy)

    def analyze_margin_status(
        self, margin_used_pct: float, unrealized_pnl: float, total_wallet_balance: float
    ) -> dict[str, Any]:
        """Return the outputs of the decision `margin` for these figures.

        Args:
            margin_used_pct: margin used as a share of the wallet, in percent.
            unrealized_pnl: in USD.
            total_wallet_balance: in USD.

        Raises:
            ValueError: one of them is no finite number, or no zone follows from them. None is the safe one to answer
                with.
        """
        told = {
            "margin_used_pct": margin_used_pct,
            "unrealized_pnl": unrealized_pnl,
            "total_wallet_balance": total_wallet_balance,
        }
        figures: dict[str, float] = without_numpy(told)
        for name, figure in figures.items():
            if not _is_finite(figure):
                raise ValueError(f"{name} must be a finite number, got {describe(figure)}")
        percent, pnl, wallet = map(float, figures.values())
        margin = margin_of(percent, wallet)
        if not math.isfinite(wallet - margin):
            raise ValueError("no zone follows from these figures: they are too large")
        account = Account(
            id="monitor",
            total_wallet_balance=wallet,
            available_balance=wallet - margin,
            margin_used=margin,
            unrealized_pnl=pnl,
        )
        decided = self._policy.evaluate(Snapshot(as_of=now(), account=account), MARGIN)
        if decided.outputs.get("zone") is None:
            raise ValueError("no zone follows from these figures: " + "; ".join(map(str, decided.problems)))
        return dict(decided.outputs)


def _is_finite(figure: object) -> bool:
    """Return whether a figure is a number that a float can hold."""
    try:
        return is_number(figure) and math.isfinite(figure)
    except OverflowError:
        return False


def margin_of(percent: float, wallet: float) -> float:
    """Return the margin that is this share of a wallet, or the next number above: never a zone too low.

    Without a wallet any margin at all is the worst case, so the share itself stands for it.
    """
    if wallet <= 0:
        return float(percent)
    margin = percent * wallet / 100.0
    for _ in range(NEXT_TRIES):
        if 100.0 * margin / wallet >= percent:
            break
        margin = math.nextafter(margin, math.inf)
    return margin


def _told(outputs: Mapping[str, Any], decided: Decision) -> dict[str, Any]:
    """Return outputs with the record's id, and with what was wrong where something was."""
    wrong = {"problems": [shown_problem(one) for one in decided.problems]} if decided.problems else {}
    return {**outputs, "decision_id": decided.record_id, **wrong}


def _two_worlds(decided: Decision) -> Mapping[str, Any]:
    """Return the outputs as that code understands them: what is neither to enter nor a caution is a rejection.

    That code tells the reason and nothing else, so what was wrong is in it.
    """
    outputs = decided.outputs
    told = outputs.get("recommendation")
    if told == REJECT and not decided.ok:
        return {**outputs, "reason": _in_words(decided.problems)}
    if told in (ENTER, CAUTION, REJECT):
        return outputs
    reason = str(outputs.get("reason")).removeprefix(f"{told}: ")
    return {**outputs, "recommendation": REJECT, "reason": f"{told}: {reason}"}


def _in_words(problems: Iterable[Problem]) -> str:
    return "; ".join(f"{one.path or ''} {one.message}".strip() for one in problems)
