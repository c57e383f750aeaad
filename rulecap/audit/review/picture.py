"""A history as a picture: stacked panels over one axis of time, states as bands behind the lines, flags as spans.

The file is the same for the same history: no date, no random names.
"""

from contextlib import nullcontext
from datetime import datetime, timedelta
from math import isnan
from pathlib import Path
from typing import Any

from rulecap.audit.clock import EPOCH
from rulecap.audit.review.history import History, Panel
from rulecap.audit.review.letters import as_text, lacking, write_codes
from rulecap.language.values import is_number
from rulecap.plural import how_many
from rulecap.problems import on_a_line

FORMATS = (".png", ".svg")
WIDTH, LINES_HEIGHT, FLAGS_HEIGHT = 10.0, 2.2, 0.7
# Okabe and Ito's colours, which the colour-blind tell apart; the states' get darker evenly, as grey shows them too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
STATES, MILDEST, WORST = "YlOrRd", 0.04, 0.62
BESIDE: dict[str, Any] = {"fontsize": 6.5, "color": "#444444"}
SIGNS = {"percent": "%", "leverage": "x", "hours": "h", "seconds": "s"}


def draw(history: History, path: Path) -> str:
    """Write the picture, as the file's ending says: `.png` or `.svg`.

    Returns:
        The letters for which a PNG has their codes, because its font lacks them; an SVG then has its letters as text.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    figure = drawn(history)
    letters = lacking(figure)
    if path.suffix == ".svg":
        with _style(), as_text() if letters else nullcontext():
            figure.savefig(path, metadata={"Date": None})
        return ""
    write_codes(figure, letters)
    with _style():
        figure.savefig(path, dpi=144, metadata={"Software": None})
    return letters


def drawn(history: History) -> Any:
    """Return the picture as matplotlib's figure.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    with _style():
        figure, axes = _figure(history)
        for ax, panel in zip(axes, history.panels, strict=True):
            _panel(ax, panel, history)
        _time_axis(axes[-1])
        span = f"{how_many(len(history.points), 'point')}, times in UTC"
        policy = f"policy {history.policy} {', '.join(history.versions)}".rstrip()
        figure.suptitle(on_a_line(f"{history.account}, {policy}: {span}"), x=0.01, ha="left", fontsize=11)
    return figure


def _style() -> Any:
    import matplotlib as mpl

    font: Any = {"font.size": 9, "axes.titlesize": 9.5, "axes.titlelocation": "left"}
    # A dollar in a name is one, and begins no formula.
    return mpl.rc_context({"svg.hashsalt": "rulecap", "text.parse_math": False, **font})


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
    others = panel.states and history.versions not in {(), (history.version,)}
    title = f"{panel.shown.title} (states as in {history.version})" if others else panel.shown.title
    ax.set_title(on_a_line(title))
    ax.margins(x=0.01)
    ax.spines[["top", "right"]].set_visible(False)
    for number, (label, rule) in enumerate(panel.shown.lines.items()):
        _line(ax, number, on_a_line(label), _computed(history, rule))
    _states(ax, panel)
    for label, rule in panel.shown.flags.items():
        _flag(ax, on_a_line(label), _computed(history, rule))
    # Whatever this panel knows: it stands over the same stretch of time as the others.
    ax.update_datalim([(date, 0.0) for date in _dates(history)], updatey=False)
    if panel.shown.lines:
        _value_axis(ax, panel.shown.unit)
    else:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    if len(panel.shown.lines) > 1:  # beside the title, where no line is
        columns = len(panel.shown.lines)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, frameon=False, ncols=columns, fontsize=8)


def _dates(history: History) -> list[float]:
    """Return from when to when time is shown; of a single point an hour, where matplotlib would take years."""
    from matplotlib.dates import date2num

    if not history.points:
        return []
    first, last = (EPOCH + timedelta(microseconds=history.points[place].time) for place in (0, -1))
    around = timedelta(minutes=30) if first == last else timedelta()
    times = [first - around, last + around]
    return [float(date2num(time)) for time in times]  # type: ignore[no-untyped-call]  # matplotlib has types in part


def _computed(history: History, rule: str) -> list[tuple[datetime, Any]]:
    """Return when a rule was computed, and its value then; decisions that do not ask for it tell nothing of it."""
    return [
        (EPOCH + timedelta(microseconds=point.time), point.values[rule])
        for point in history.points
        if rule in point.values
    ]


def _line(ax: Any, number: int, label: str, computed: list[tuple[datetime, Any]]) -> None:
    """Draw a line through what was computed; where a number stands alone between gaps, a dot."""
    times, values = [time for time, _ in computed], [_number(value) for _, value in computed]
    # Before the frame, and not cut by it: a line of zeros lies on it.
    style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "zorder": 3, "clip_on": False}
    first = number == 0
    ax.plot(times, values, label=label, linestyle="-" if first else "--", linewidth=1.4 if first else 1.0, **style)
    known = [False, *(not isnan(value) for value in values), False]
    alone = [place for place in range(len(values)) if known[place : place + 3] == [False, True, False]]
    if alone:
        dots = [times[place] for place in alone], [values[place] for place in alone]
        ax.plot(*dots, label="_dots", linestyle="", marker="o", markersize=3, **style)


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
    low = max(low, 0.0) if all(number >= 0 for number in (*bounds, ax.dataLim.y0)) else low
    colours = mpl.colormaps[STATES]
    for number, state in enumerate(panel.states):
        start, stop = state.start if state.start is not None else low, state.stop if state.stop is not None else high
        if start >= high or stop <= low:
            continue
        shade = MILDEST + (WORST - MILDEST) * number / max(1, len(panel.states) - 1)
        ax.axhspan(max(start, low), min(stop, high), color=colours(shade), alpha=0.55, linewidth=0, zorder=0)
        middle = (max(start, low) + min(stop, high)) / 2
        ax.text(1.002, middle, state.name, transform=ax.get_yaxis_transform(), va="center", **BESIDE)
    ax.set_ylim(low, high)


def _flag(ax: Any, label: str, computed: list[tuple[datetime, Any]]) -> None:
    """Shade the time in which a condition holds: from a point on at which it does to the next at which it does not."""
    start, spans = None, []
    known = [(time, value) for time, value in computed if isinstance(value, bool)]
    for time, value in known:
        if value and start is None:
            start = time
        elif not value and start is not None:
            spans.append((start, time))
            start = None
    if start is not None:
        spans.append((start, known[-1][0]))
    for begin, end in spans:
        ax.axvspan(begin, end, color=COLOURS[1], alpha=0.75, linewidth=0.8)
    if spans:
        ax.text(1.002, 0.5, label, transform=ax.transAxes, va="center", **BESIDE)
        return
    never = f"never {label}" if known else f"{label}: not computed in these records"
    ax.text(0.002, 0.5, never, transform=ax.transAxes, va="center", fontsize=8)


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
