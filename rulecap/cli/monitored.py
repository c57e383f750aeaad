"""What the monitor came to, as the command line shows it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rulecap.cli.outline import INDENT, number_text, table, value_text
from rulecap.cli.terminal import Style
from rulecap.language.values import iso
from rulecap.problems import on_a_line

if TYPE_CHECKING:
    from rulecap.monitor.execution import Outcome
    from rulecap.monitor.orders import Order
    from rulecap.monitor.report import Report

WIDEST = 140  # an order is one line
DID = {
    "would-send": "would be sent with --execute",
    "sent": "sent",
    "waits": "waits",
    "over-the-cap": "not sent",
    "too-late": "not sent",
    "sent-before": "not sent again",
    "no-order": "no order",
}


def report_as_text(report: "Report", style: Style) -> Iterator[str]:
    """Yield a pass line by line: verdicts, changes, actions, problems."""
    policy = report.policy
    state = style.good("fine") if report.ok else style.bad("not fine")
    yield style.strong(on_a_line(f"{policy.name} {policy.version} on {report.account}: ")) + state
    for one in report.decided:
        record = f"on record as {one.record_id}" if one.record_id else style.bad("not on record")
        yield f"{INDENT}{one.decision} {value_text(policy.verdict_of(one))}, {record}"
    for change in report.changes:
        yield f"{INDENT}changed: {on_a_line(change.what)} {value_text(change.before)} → {value_text(change.after)}"
    for order in report.followed:
        yield on_a_line(f"{INDENT}order {order.client_order_id}: {_order(order)}")
    for outcome in report.outcomes:
        yield on_a_line(INDENT + _outcome(outcome))
    for trouble in report.troubles:
        yield INDENT + style.bad(on_a_line(f"[{trouble.code}] {trouble.message}"))


def _outcome(outcome: "Outcome") -> str:
    action = outcome.action
    what = f"{action.get('action')} {action.get('symbol')} {action.get('side')} {value_text(action.get('quantity'))}"
    told = DID[outcome.did] + (f": {outcome.message}" if outcome.message else "")
    order = f" as {outcome.order.client_order_id}: {_order(outcome.order)}" if outcome.order else ""
    return f"{what}: {told}{order}"


def _order(order: "Order") -> str:
    filled = f", {number_text(order.filled)} filled" if order.filled is not None else ""
    why = f" [{order.code}] {order.message}" if order.code else ""
    return f"{order.state}{filled}{why}"


def orders_as_text(orders: "Sequence[Order]") -> list[str]:
    """Return the journal's orders as a table."""
    rows = [
        {
            "written": iso(datetime.fromtimestamp(one.written, UTC), "seconds"),
            "order": one.client_order_id,
            "action": one.action,
            "symbol": one.symbol,
            "side": one.side,
            "quantity": one.quantity,
            "sent": one.sent_quantity,
            "filled": one.filled,
            "state": f"{one.state} {one.code}".strip(),
        }
        for one in orders
    ]
    return table(rows, WIDEST) if rows else ["no order was sent"]
