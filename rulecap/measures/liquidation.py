"""Liquidation price of an isolated position."""


def liquidation_price(
    side: str, quantity: float, price: float, margin: float, rate: float, amount: float
) -> float | None:
    """Return the price at which margin and loss meet the maintenance margin; None where there is none above zero.

    Long: (q·P − margin − cum) / (q·(1 − mmr)); short: (q·P + margin + cum) / (q·(1 + mmr)), from
    margin ± q·(L − P) = q·L·mmr − cum. Source: Binance's documentation of USDⓈ-M futures, isolated margin.

    Args:
        side: BUY or LONG, SELL or SHORT.
        quantity: the position's size in the base asset.
        price: its entry price.
        margin: the USD held for it.
        rate: the bracket's maintenance margin rate (mmr), a ratio.
        amount: the bracket's maintenance amount (cum), USD.
    """
    if side in {"BUY", "LONG"}:
        money, share = quantity * price - margin - amount, quantity * (1.0 - rate)
    elif side in {"SELL", "SHORT"}:
        money, share = quantity * price + margin + amount, quantity * (1.0 + rate)
    else:
        raise ValueError(f"a side is BUY, SELL, LONG or SHORT, not {side}")
    if share <= 0.0 or money <= 0.0:
        return None
    return money / share
