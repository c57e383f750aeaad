"""A history as a picture: stacked panels over one axis of time, states as bands behind the lines, flags as spans.

The file is the same for the same history: no date, no random names.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from rulecap.audit.clock import EPOCH
from rulecap.audit.review.history import History, Panel
from rulecap.language.values import is_number

FORMATS = (".png", ".svg")
WIDTH, LINES_HEIGHT, FLAGS_HEIGHT = 10.0, 2.2, 0.7
# Okabe and Ito's colours, which the colour-blind tell apart; the states' get darker evenly, as grey shows them too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
STATES, MILDEST, WORST = "YlOrRd", 0.04, 0.62
SIGNS = {"percent": "%", "leverage": "x", "hours": "h", "seconds": "s"}


def draw(history: History, path: Path) -> None:
    """Write the picture, as the file's ending says: `.png` or `.svg`.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    import matplotlib as mpl

    with mpl.rc_context(
        {"svg.hashsalt": "rulecap", "font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left"}
    ):
        figure, axes = _figure(history)
        for ax, panel in zip(axes, history.panels, strict=True):
            _panel(ax, panel, history)
        _time_axis(axes[-1])
        span = f"{len(history.points):,} points, times in UTC"
        figure.suptitle(f"{history.account}, policy {history.policy}: {span}", x=0.01, ha="left", fontsize=11)
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=144, metadata=metadata)


def _figure(history: History) -> tuple[Any, list[Any]]:
    """Return a figure without a screen, and an axis for each panel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [LINES_HEIGHT if panel.shown.lines else FLAGS_HEIGHT for panel in history.panels]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    return figure, [row[0] for row in axes]


def _panel(ax: Any, panel: Panel, history: History) -> None:
    times = [EPOCH + timedelta(microseconds=point.time) for point in history.points]
    ax.set_title(panel.shown.title)
    ax.margins(x=0.01)
    ax.spines[["top", "right"]].set_visible(False)
    for number, (label, rule) in enumerate(panel.shown.lines.items()):
        values = [_number(point.values.get(rule)) for point in history.points]
        style = {"color": COLOURS[number % len(COLOURS)], "linewidth": 1.4 if number == 0 else 1.0}
        mark = "o" if len(times) == 1 else None
        ax.plot(times, values, label=label, linestyle="-" if number == 0 else "--", marker=mark, **style)
    _states(ax, panel)
    for label, rule in panel.shown.flags.items():
        _flag(ax, label, times, [point.values.get(rule) for point in history.points])
    if panel.shown.lines:
        _value_axis(ax, panel.shown.unit)
    else:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    if len(panel.shown.lines) > 1:
        ax.legend(loc="upper left", frameon=False, ncols=len(panel.shown.lines), fontsize=8)


def _states(ax: Any, panel: Panel) -> None:
    """Draw each state as a band between its bounds, as far as the lines or the next bound reach."""
    if not panel.states:
        return
    import matplotlib as mpl

    bounds = [bound for state in panel.states for bound in (state.start, state.stop) if bound is not None]
    low, high = ax.get_ylim()
    reached = [bound for bound in bounds if bound <= high]
    beyond = [bound for bound in bounds if bound > high]
    low, high = min([low, *reached]), max([high, *beyond[:1]])
    low = max(low, 0.0) if all(bound >= 0 for bound in bounds) else low
    colours = mpl.colormaps[STATES]
    for number, state in enumerate(panel.states):
        start, stop = state.start if state.start is not None else low, state.stop if state.stop is not None else high
        if start >= high or stop <= low:
            continue
        shade = MILDEST + (WORST - MILDEST) * number / max(1, len(panel.states) - 1)
        ax.axhspan(max(start, low), min(stop, high), color=colours(shade), alpha=0.55, linewidth=0, zorder=0)
        middle = (max(start, low) + min(stop, high)) / 2
        ax.text(
            1.002, middle, state.name, transform=ax.get_yaxis_transform(), va="center", fontsize=6.5, color="#444444"
        )
    ax.set_ylim(low, high)


def _flag(ax: Any, label: str, times: list[Any], values: list[Any]) -> None:
    """Shade the time in which a condition holds: from a point on at which it does to the next at which it does not."""
    start, spans = None, []
    for time, value in zip(times, values, strict=True):
        if value is True and start is None:
            start = time
        elif value is False and start is not None:
            spans.append((start, time))
            start = None
    if start is not None and times:
        spans.append((start, times[-1]))
    for begin, end in spans:
        ax.axvspan(begin, end, color=COLOURS[1], alpha=0.75, linewidth=0.8)
    if times:
        ax.plot([times[0], times[-1]], [0, 0], alpha=0)  # so that the axis spans the whole time
    ax.text(0.002, 0.5, label if spans else f"never {label}", transform=ax.transAxes, va="center", fontsize=8)


def _value_axis(ax: Any, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.set_ylabel(SIGNS.get(unit, unit))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.grid(axis="y", color="#00000018", linewidth=0.6)


def _time_axis(ax: Any) -> None:
    from datetime import UTC

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator: Any = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib has types in part
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above


def _number(value: object) -> float:
    """Return a value as a number; a gap where there is none."""
    return float(value) if is_number(value) else float("nan")
