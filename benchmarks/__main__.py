"""`python -m benchmarks`: measure, print the tables, and with `--write` write docs/performance.md."""

import argparse
import sys

from benchmarks.report import PAGE, environment, page, terminal
from benchmarks.suite import GROUPS, Row


def main() -> int:
    """Run every group and print its table; return 0 whether or not the targets are reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=101, help="how often each is timed (101; processes: 20)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    given = parser.parse_args()

    print(environment(), "\n")
    groups: dict[str, list[Row]] = {}
    for title, measure in GROUPS:
        groups[title] = measure(given.rounds)
        print(terminal(title, groups[title]), "\n", flush=True)
    if given.write:
        PAGE.write_text(page(groups), encoding="utf-8")
        print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
