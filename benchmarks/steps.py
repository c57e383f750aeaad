"""The position decision's scalar steps, each as a Python expression (simpleeval) and as zen-engine's expression.

What a rule engine can't compute is handed in as a number: what the order book measures, and sums and picks over the
positions. Everything else is here, step by step, each reading inputs and earlier steps by name. The steps are written
once, in Python; `zen` spells one in zen-engine's language.
"""

import re

STEPS: dict[str, str] = {
    # Capital, margin zone, account band
    "equity": "wallet + unrealized_pnl",
    "margin_used_pct": "100 * margin_used / wallet if wallet > 0 else 100",
    "margin_free_pct": "100 - margin_used_pct",
    "zone": (
        "'GREEN_ZONE' if margin_used_pct < 50 else 'YELLOW_ZONE' if margin_used_pct < 75 else 'ORANGE_ZONE' "
        "if margin_used_pct < 90 else 'RED_ZONE'"
    ),
    "band": "'TOO_SMALL' if wallet < 100 else 'SMALL' if wallet < 1000 else 'MEDIUM' if wallet < 5000 else 'LARGE'",
    "band_leverage_max": "5 if band == 'LARGE' else 8 if band == 'MEDIUM' else 10",
    "band_leverage_min": "2 if band == 'LARGE' else 3 if band == 'MEDIUM' else 5",
    "most_positions": "15 if band == 'LARGE' else 10 if band == 'MEDIUM' else 5",
    "risk_min_pct": "1 if band == 'LARGE' else 2 if band == 'MEDIUM' else 3",
    "risk_max_pct": "2 if band == 'LARGE' else 3 if band == 'MEDIUM' else 5",
    # Kelly
    "kelly_pct": "100 * (win_rate * win_loss_ratio - (1 - win_rate)) / win_loss_ratio",
    "half_kelly_pct": "0.5 * kelly_pct",
    "by_band_pct": "half_kelly_pct * (1.2 if band == 'LARGE' else 1.0 if band == 'MEDIUM' else 0.7)",
    "by_regime_pct": (
        "by_band_pct * (1.3 if regime == 'STRONG_TREND' else 1.0 if regime == 'TRENDING' else 0.7 if regime "
        "== 'RANGING' else 0.5)"
    ),
    "risk_pct": "min(risk_max_pct, max(risk_min_pct, min(5, max(0.5, by_regime_pct))))",
    "desired_notional": "max(0, wallet * risk_pct / 100)",
    # Drawdown
    "flow": "net_deposits - remembered_deposits if equity > 0 or (equity >= 0 and wallet <= 0) else 0",
    "peak_before": (
        "remembered_peak if flow == 0 else equity if equity - flow <= 0 else remembered_peak * equity / (equity - flow)"
    ),
    "trough_before": (
        "remembered_trough if flow == 0 else equity if equity - flow <= 0 else remembered_trough * equity / "
        "(equity - flow)"
    ),
    "peak": "max(peak_before, equity)",
    "trough": "equity if equity >= peak_before else min(trough_before, equity)",
    "drawdown_pct": "100 * (peak - equity) / peak if peak > 0 else 0",
    "drawdown_state": (
        "'NORMAL' if drawdown_pct < 5 else 'LIGHT' if drawdown_pct < 10 else 'MODERATE' if drawdown_pct < 20 "
        "else 'HEAVY'"
    ),
    "state_size": (
        "1.0 if drawdown_state == 'NORMAL' else 0.7 if drawdown_state == 'LIGHT' else 0.5 if drawdown_state "
        "== 'MODERATE' else 0.25"
    ),
    "trough_pct": "100 * (peak - trough) / peak if peak > 0 else 0",
    "trough_size": "1.0 if trough_pct < 5 else 0.7 if trough_pct < 10 else 0.5 if trough_pct < 20 else 0.25",
    "recovered": "1 if peak == trough else (equity - trough) / (peak - trough)",
    "drawdown_size": "min(state_size, trough_size + (1 - trough_size) * recovered)",
    "leverage_cut": (
        "0 if drawdown_state == 'NORMAL' else 2 if drawdown_state == 'LIGHT' else 5 if drawdown_state == "
        "'MODERATE' else 20"
    ),
    "breaker_open": "hours_since_trip < 24 or (drawdown_state == 'HEAVY' and remembered_state != 'HEAVY')",
    # Leverage
    "by_win_rate": "0.8 if win_rate < 0.5 else 1.0 if win_rate < 0.6 else 1.1 if trades >= 30 else 1.0",
    "by_regime": (
        "1.2 if regime == 'STRONG_TREND' else 1.0 if regime == 'TRENDING' else 0.8 if regime == 'RANGING' else 0.6"
    ),
    "by_spread": "1.0 if spread_pct < 0.1 else 0.8 if spread_pct < 0.3 else 0.5",
    "by_account": "max(0.8, (wallet / 5000) ** 0.15)",
    "optimum": "min(20, max(3, 10 * (2 / atr_pct) * depth_score * by_win_rate * by_regime * by_spread / by_account))",
    "leverage_cap": "min(band_leverage_max, tier_leverage_max)",
    "leverage_floor": "min(leverage_cap, max(band_leverage_min, tier_leverage_min))",
    "leverage_in_range": "min(leverage_cap, max(leverage_floor, optimum))",
    "leverage_after_cut": "min(leverage_in_range, max(3, leverage_in_range - leverage_cut))",
    "leverage": "max(1, floor(min(leverage_after_cut, bracket_leverage)))",
    # Heat, opportunity, the order
    "heat_pct": "100 * open_notional / (wallet * band_leverage_max)",
    "by_heat": "1.0 if heat_pct < 30 else 0.7 if heat_pct <= 70 else 0.3",
    "by_liquidity": "1.0 if impact_pct <= 0.2 else 0.6 if impact_pct <= 0.5 else 0.3",
    "opportunity": (
        "'ENTER_NEW' if open_positions == 0 else 'ENTER_AND_CLOSE_WORST' if score > worst_score + 10 else "
        "'ENTER_NEW' if score > 80 and margin_free_pct > 30 else 'SKIP' if margin_free_pct < 20 else 'HOLD'"
    ),
    "protected_notional": "desired_notional * by_liquidity * by_heat * drawdown_size",
    "capped_notional": (
        "min(protected_notional, largest_within, parity_margin * leverage, tier_room * leverage, available * leverage)"
    ),
    "quantity": "floor(capped_notional / price / quantity_step + 0.000000001) * quantity_step",
    "position_size_usd": "quantity * price",
    "margin_required": "position_size_usd / leverage",
    "share_pct": "100 * position_size_usd / depth_20_usd",
    "execution_method": "'ICEBERG' if share_pct > 25 else 'TWAP' if share_pct > 10 else 'LIMIT'",
    "smallest_order": "max(min_notional, min_quantity * price)",
    # The verdict
    "refused": (
        "kelly_pct <= 0 or band == 'TOO_SMALL' or not asset_allowed or zone != 'GREEN_ZONE' or breaker_open "
        "or (open_positions >= most_positions and opportunity != 'ENTER_AND_CLOSE_WORST') or opportunity == "
        "'SKIP' or desired_notional > largest_bracket or quantity == 0 or position_size_usd < smallest_order "
        "or age_seconds > 60"
    ),
    "doubtful": (
        "drawdown_state != 'NORMAL' or trades < 30 or impact_pct > 0.2 or heat_pct > 70 or spread_pct >= 0.3 "
        "or risk_pct > kelly_pct or correlated"
    ),
    "recommendation": (
        "'REJECT' if refused else 'HOLD' if opportunity == 'HOLD' else 'CAUTION' if doubtful else 'ENTER'"
    ),
}

CALL = re.compile(r"\b(min|max)\(")


def zen(step: str) -> str:
    """Return a step as zen-engine's expression: `c ? a : b`, `^` for powers, `max([a, b])`, `$.name` for a step."""
    return _names(_lists(_conditional(step)).replace("**", "^"))


def _conditional(text: str) -> str:
    """Return `a if c else b` as `c ? a : b`, parentheses first."""
    text = _inside_parentheses(text)
    then, found, rest = _split(text, " if ")
    if not found:
        return text
    condition, _, otherwise = _split(rest, " else ")
    return f"{condition} ? {then} : {_conditional(otherwise)}"


def _inside_parentheses(text: str) -> str:
    """Return the text with every group in parentheses rewritten."""
    out, start, depth = "", 0, 0
    for at, character in enumerate(text):
        if character == "(":
            if depth == 0:
                out, start = out + text[start : at + 1], at + 1
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                out, start = out + _conditional(text[start:at]), at
    return out + text[start:]


def _split(text: str, separator: str) -> tuple[str, bool, str]:
    """Return what is before and after the first separator that is outside of parentheses."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(separator, at):
            return text[:at], True, text[at + len(separator) :]
    return text, False, ""


def _lists(text: str) -> str:
    """Return `max(a, b)` as `max([a, b])`."""
    found = CALL.search(text)
    if not found:
        return text
    depth, end = 1, found.end()
    while depth:
        depth += (text[end] == "(") - (text[end] == ")")
        end += 1
    inside = _lists(text[found.end() : end - 1])
    return f"{text[: found.end()]}[{inside}]){_lists(text[end:])}"


def _names(text: str) -> str:
    """Return the text with earlier steps named as zen-engine names them."""
    parts = re.split(r"('[^']*')", text)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"\b[a-z_]\w*\b", lambda m: f"$.{m[0]}" if m[0] in STEPS else m[0], parts[index])
    return "".join(parts)
