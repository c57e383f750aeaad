"""The results as a table: on the terminal, and as docs/performance.md."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.suite import Row

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
HEADINGS = ("measured", "", "compared", "to reach", "reached")

INTRODUCTION = """# Performance

How fast `rulecap` is, measured in one run against hand-written Python, simpleeval, zen-engine, the same databases
inserting the same bytes, and an empty FastAPI endpoint. The figures are of
the machine named below; the ratios are what carries over to another one. Repeat them, and write this page again, with

```
make bench                       # prints the tables
python -m benchmarks --write     # prints them, and writes docs/performance.md
```

The decision is `position` of `policies/default`, on `policies/default/examples/sushi_recorded.json`: a recorded
market with a 100-level order book, and an account with five open positions. `rulecap` keeps every step's value, so
that the trace can be rendered afterwards. `benchmarks/handwritten/` is the same decision as a programmer would
write it, with the same outputs, texts included, asserted before anything is timed, and nothing to look back on.
simpleeval and zen-engine evaluate the decision's scalar steps only (`benchmarks/steps.py`): what the order book
measures and sums over positions are handed to them as numbers, and the lists of reasons, adjustments and slices are
left out. Beside them stands `rulecap` with the same steps written as a policy over facts.
"""

MISSED = """\
## What is missed, and why

- **The decision beside hand-written code** comes out between 1.4 and 1.6 ×, with the same code, from one machine to the
  next of this kind: what is hand-written keeps no value, and gains more from a quicker processor.
- **The whole decision against zen-engine with trace.** It runs 88 rules, walks the order book, and writes the texts of
  its reasons and adjustments; zen-engine is handed 55 scalar steps. The second table has the ratio on those 55 steps
  alone, every value kept.
- **The trace as JSON.** The target was set for 27 KB and some 45 steps. This trace has 88 steps and 61 KB, because each
  step also says where in the policy its numbers stand and how far each comparison was from turning out otherwise.
- **A record beside a plain insert, in SQLite.** This disk syncs in about 0.1 ms, so that what is written and computed
  beside the sync shows. Of the 75 to 100 us that a record takes more, the three pages that a commit writes more (the
  index by kind and time, the tree's nodes, the head) and their statements are about 25, the looks at the files 10, the
  record's hash 8, and Python's calls the rest. Where a commit takes 0.2 ms longer, for log and plain table alike, the
  share is the one asked for. PostgreSQL, where a round to the server takes longer than all of that, gets record, nodes
  and head in one statement.
- **Many writers on this disk.** Inserting the same bytes 16 to a commit, with no log around them, does not gain 5 ×
  over one by one either: a sync costs too little here. Where a commit takes 2 ms longer, the gain is the one asked for.
- **The service.** An empty endpoint takes some 70 us of one core for a request. A recommendation takes 100 us where it
  is asked (HTTP, the body, the snapshot put together, the answer) and 160 us in the process that decides and records it
  (the database and the evaluation 30 % each, JSON 20 %), which also waits for the disk: with that process always at
  work this is what can be had. 60 % would leave 240 us of both cores for a request, whoever asks included.
  To decide on in a second thread of that process while the disk is waited for was tried, and answers a third to
  a half fewer: the interpreter's lock comes back too late to whoever has waited for the disk.
"""

METHOD = """## How it is measured

Everything within a table's comparison is timed once in every round, in another order every time; the garbage collector
runs between the rounds and not in them. Figures are medians over the rounds, ratios are medians of the rounds' own
ratios. It is processor time that is counted, so that whatever else the machine does counts for little; on an idle
machine that is the time on the clock. Processes are timed from start to end; "beyond that" is the difference of
medians. Memory is what `tracemalloc` counts. No test asserts a time: `tests/test_benchmarks.py` holds the peers to
equal results, no more.
"""


def environment() -> str:
    """Return the machine and the versions in a line."""
    packages = ", ".join(f"{name} {_version(name)}" for name in ("pydantic", "simpleeval", "zen-engine"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {python}; {packages}"


def _version(package: str) -> str:
    """Return an installed package's version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def terminal(title: str, rows: Sequence[Row]) -> str:
    """Return a group of rows as aligned text."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(cell[column]) for cell in cells) for column in range(5)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True)).rstrip() for cell in cells]
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    """Return a row's cells."""
    reached = "" if row.reached is None else "yes" if row.reached else "NO"
    return row.what, row.figure, row.compared, row.target, reached


def page(groups: Mapping[str, Sequence[Row]]) -> str:
    """Return the whole page."""
    tables = [f"## {title}\n\n{_table(rows)}" for title, rows in groups.items()]
    return "\n".join([INTRODUCTION, f"Measured on: {environment()}.\n", *tables, MISSED, METHOD])


def _table(rows: Sequence[Row]) -> str:
    """Return a group of rows as a Markdown table."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---:|---|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"
