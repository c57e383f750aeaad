"""What the specification's API is made of: which decision each of its endpoints asks, and what answers are named."""

STATE, MARGIN, POSITION, KELLY = "state", "margin", "position", "kelly"
LEVERAGE, RISK_PARITY = "leverage", "risk_parity"
# GET endpoints that ask about the account alone: their paths below /api/capital, and the decisions they ask.
ACCOUNT_PATHS = {
    "state": STATE,
    "margin/status": MARGIN,
    "strategy/scaling": "scaling",
    "drawdown/status": "drawdown",
    "allocation/multi-tier": "multi_tier",
}
# The specification's names for a signal's fields.
SIGNAL_NAMES = {"signal_score": "score"}
BODY_NAMES = {field: name for name, field in SIGNAL_NAMES.items()}
# A signal has a symbol; what is asked for without one is asked for this.
NO_SYMBOL = "NONE"
