"""What is measured, against what, and the figure to reach: one function for each group of rows."""

import sys
from collections.abc import Callable

from pydantic_core import to_json

from benchmarks import case, handwritten, rivals
from benchmarks.audit import on_record, on_server
from benchmarks.measure import memory_kept, python, time_calls, time_processes
from benchmarks.rows import Row, micro, milli
from benchmarks.service import under_load
from benchmarks.steps import STEPS
from rulecap import Snapshot, load_policy


def evaluation(rounds: int) -> list[Row]:
    """Return one position decision, its snapshot already a model, beside hand-written code."""
    policy, snapshot = case.default_policy(), case.recorded_snapshot()
    case.check_equal()
    timings = time_calls(
        {
            "rulecap": lambda: policy.evaluate(snapshot, "position"),
            "hand": lambda: handwritten.decide(snapshot, None),
        },
        rounds,
    )
    ratio = timings.ratio("rulecap", "hand")
    return [
        Row("hand-written Python, no trace", micro(timings.median("hand"))),
        Row(
            "`evaluate`, every step's value kept",
            micro(timings.median("rulecap")),
            f"{ratio:.2f} × hand-written",
            "≤ 1.5 ×",
            ratio <= 1.5,
        ),
    ]


def steps_alone(rounds: int) -> list[Row]:
    """Return the decision's scalar steps in three rule engines, and the whole decision beside them."""
    policy, snapshot, scalars = case.default_policy(), case.recorded_snapshot(), case.scalars()
    timings = time_calls(
        {
            "whole": lambda: policy.evaluate(snapshot, "position"),
            "steps": rivals.rulecap_policy(scalars, snapshot),
            "zen": rivals.zen_engine(scalars, trace=False),
            "zen traced": rivals.zen_engine(scalars, trace=True),
            "simpleeval": rivals.simpleeval(scalars),
        },
        rounds,
    )

    def row(what: str, name: str) -> Row:
        return Row(what, micro(timings.median(name)), f"{timings.ratio(name, 'steps'):.1f} × rulecap's")

    lead = timings.ratio("zen traced", "whole")
    return [
        Row("rulecap, the steps as a policy, every value kept", micro(timings.median("steps"))),
        row("zen-engine, no trace", "zen"),
        row("zen-engine, with trace", "zen traced"),
        row("simpleeval, each step parsed once", "simpleeval"),
        Row(
            "rulecap, the whole position decision (it does more)",
            micro(timings.median("whole")),
            f"{lead:.1f} × faster than zen-engine with trace",
            "≥ 6 ×",
            lead >= 6,
        ),
    ]


def bytes_to_bytes(rounds: int) -> list[Row]:
    """Return JSON in, outputs as JSON out, beside parsing and evaluating alone; and the trace as JSON."""
    policy, text = case.default_policy(), case.recorded_json()
    model = case.recorded_snapshot()

    def render() -> bytes:
        return policy.evaluate(model, "position").trace.to_json()

    timings = time_calls(
        {
            "all": lambda: to_json(policy.evaluate(text, "position").outputs),
            "parts": lambda: policy.evaluate(Snapshot.model_validate_json(text), "position"),
            "parse": lambda: Snapshot.model_validate_json(text),
            "traced": render,
            "untraced": lambda: policy.evaluate(model, "position"),
        },
        rounds,
    )
    ratio = timings.ratio("all", "parts")
    rendering = timings.median("traced") - timings.median("untraced")
    return [
        Row(f"pydantic parse of the snapshot ({len(text):,} bytes of JSON)", micro(timings.median("parse"))),
        Row("the same parse, and the evaluation", micro(timings.median("parts"))),
        Row(
            "JSON bytes in, validated, decided, outputs as JSON bytes",
            micro(timings.median("all")),
            f"{ratio:.2f} × parse and evaluation",
            "≤ 1.3 ×",
            ratio <= 1.3,
        ),
        Row(
            f"trace rendered to JSON ({len(render()):,} bytes)",
            micro(rendering),
            "",
            "≤ 200 µs",
            rendering <= 200e-6,
        ),
    ]


LOAD = "import rulecap; rulecap.load_policy('default')"


def loading(rounds: int) -> list[Row]:
    """Return loading and checking the default policy, in a fresh process and in a warm one, and what it keeps."""
    cold = time_processes({"load": python(LOAD)}, max(5, rounds // 5)).median("load")
    warm = time_calls({"load": lambda: load_policy("default")}, max(5, rounds // 5)).median("load")
    kept = memory_kept(lambda: load_policy("default"))
    return [
        Row("load and check of the default policy, whole cold process", milli(cold), "", "≤ 0.6 s", cold <= 0.6),
        Row("the same again in a warm process", milli(warm), "", "≤ 150 ms", warm <= 0.15),
        Row("memory that a loaded policy keeps", f"{kept / 1e6:.2f} MB", "", "≤ 5 MB", kept <= 5e6),
    ]


def starting(rounds: int) -> list[Row]:
    """Return what `import rulecap` and `rulecap --version` take beyond a bare Python process."""
    timings = time_processes(
        {
            "bare": python("pass"),
            "import": python("import rulecap"),
            "version": [sys.executable, "-m", "rulecap", "--version"],
        },
        max(5, rounds // 5),
    )
    bare = timings.median("bare")
    more = {name: timings.median(name) - bare for name in ("import", "version")}
    return [
        Row("bare Python process", milli(bare)),
        Row("`import rulecap`, beyond that", milli(more["import"]), "", "≤ 120 ms", more["import"] <= 0.12),
        Row("`rulecap --version`, beyond that", milli(more["version"]), "", "≤ 60 ms", more["version"] <= 0.06),
    ]


GROUPS: tuple[tuple[str, Callable[[int], list[Row]]], ...] = (
    ("One decision", evaluation),
    (f"Its {len(STEPS)} scalar steps alone", steps_alone),
    ("From bytes to bytes", bytes_to_bytes),
    ("On record, in SQLite", on_record),
    ("Over HTTP, 16 connections", under_load),
    ("On record, in PostgreSQL", on_server),
    ("Loading a policy", loading),
    ("Starting", starting),
)
