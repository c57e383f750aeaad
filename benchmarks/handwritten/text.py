"""Numbers as a person reads them, in the texts of reasons and adjustments."""


def plain(value: float) -> str:
    """Return a number with at most four decimals, or four significant digits where it is small."""
    if value == 0:
        return "0"
    if abs(value) < 1:
        return f"{value:.4g}"
    text = f"{value:,.4f}"
    return text.rstrip("0").rstrip(".")


def usd(value: float) -> str:
    """Return money with its cents."""
    if value < 0:
        return f"-{usd(-value)}"
    return f"${plain(value)}" if 0 < value < 0.01 else f"${value:,.2f}".removesuffix(".00")


def percent(value: float | None) -> str:
    """Return a percentage."""
    return "none" if value is None else f"{plain(value)} %"
