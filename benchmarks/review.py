"""How long a page of the audit log takes: `python -m benchmarks.review [--records N] [--body BYTES]`.

The log is written straight into the tables, in a temporary folder. What is measured is what `rulecap audit query` does
to find and fetch a page: the selection, the index, the bodies of the page.
"""

import argparse
import itertools
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rulecap.audit import Log, open_log
from rulecap.audit.review.moments import EVER, Span, written
from rulecap.audit.review.pages import Cursor, Way, count, page
from rulecap.audit.review.selection import Selection, kinds_of, looking
from rulecap.audit.tables import FORMAT, definitions

BEGIN, YEAR = 1_735_689_600_000_000, 365 * 24 * 3_600_000_000
DECISIONS = {
    "position": ("ENTER", "CAUTION", "HOLD", "REJECT"),
    "state": ("HEALTHY", "WARNING", "CRITICAL", "EMERGENCY"),
    "margin": ("GREEN_ZONE", "YELLOW_ZONE", "ORANGE_ZONE", "RED_ZONE"),
    "kelly": ("",),
}
PAGE, REPEATS = 50, 15


def kinds(accounts: int, policies: int) -> list[tuple[str, str, str, str, str]]:
    """Return every combination of account, decision, verdict and policy version."""
    names = [f"account-{number:03d}" for number in range(accounts)]
    versions = [("default" if number % 4 else "cautious", f"{number:064x}"[::-1]) for number in range(policies)]
    return [
        (account, decision, verdict, *version)
        for account, (decision, verdicts), version in itertools.product(names, DECISIONS.items(), versions)
        for verdict in verdicts
    ]


def rows(records: int, about: list[tuple[str, str, str, str, str]], size: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield records; a few kinds have most of them, many have hardly any, as it is with real accounts."""
    chance = random.Random(7)
    weights = list(itertools.accumulate(1 / (1 + place) ** 1.1 for place in range(len(about))))
    order = list(range(len(about)))
    chance.shuffle(order)
    padding = "x" * max(0, size - 330)
    for seq in range(1, records + 1):
        moment = BEGIN + seq * (YEAR // records) - (chance.randrange(10**9) if seq % 1000 == 0 else 0)
        kind = order[chance.choices(range(len(about)), cum_weights=weights)[0]]
        account, decision, verdict, policy, digest = about[kind]
        body = (
            f'{{"seq":{seq},"id":"0123456789ab-{seq}","time":"{written(moment)}","account":"{account}",'
            f'"decision":"{decision}","answered_by":"{decision}","verdict":"{verdict}","ok":true,'
            f'"policy":{{"name":"{policy}","version":"1.0.0","digest":"{digest}"}},"engine":"0","request":null,'
            f'"snapshot":"{padding}","memory":null,"next_memory":{{}},"outputs":{{}},"steps":{{}},"problems":[]}}'
        )
        yield seq, moment, kind + 1, body.encode()


def write_log(path: Path, records: int, about: list[tuple[str, str, str, str, str]], size: int) -> None:
    """Write a log without its tree: what is read here never looks at it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    for statement in definitions("INTEGER", "BLOB", "TEXT"):
        connection.execute(statement)
    connection.execute("INSERT INTO log VALUES (1, ?, '0123456789ab', ?, ?, '')", (FORMAT, records, bytes(32)))
    connection.executemany(
        "INSERT INTO kinds VALUES (?, ?, ?, ?, ?, ?)", [(number, *one) for number, one in enumerate(about, 1)]
    )
    # The index is kept while it is written, as in a real log, whose pages then lie as they do there.
    connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows(records, about, size))
    connection.commit()
    connection.close()


def milliseconds(run: Callable[[], object]) -> tuple[float, float, float]:
    """Return the first, the middle and the longest time of several runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1000)
    return times[0], sorted(times)[REPEATS // 2], max(times)


def asked(address: str, selection: Selection, newest: bool = True, after: Cursor | None = None) -> int:
    """Do what `rulecap audit query` does, with a connection of its own; return how many records the page has."""
    with open_log(address) as log, looking(log):
        way = Way(kinds_of(log, selection), selection.span, newest, after)
        return len(page(log, way, PAGE).records)


def combinations(log: Log) -> Iterator[tuple[str, Selection]]:
    """Yield a selection for each set of columns, with values of every frequency."""
    counts = dict(log.database.run("SELECT kind, COUNT(*) FROM records GROUP BY kind"))
    by_size = sorted((kind for kind in log.kinds().values() if kind.id in counts), key=lambda kind: counts[kind.id])
    frequent, rare = by_size[-1], by_size[0]
    month = Span(BEGIN + YEAR // 2, BEGIN + YEAR // 2 + YEAR // 12)
    columns = ("account", "decision", "verdict", "policy", "time")
    for many in range(len(columns) + 1):
        for chosen in itertools.combinations(columns, many):
            for word, kind in (("frequent", frequent), ("rare", rare)):
                yield (
                    f"{' '.join(chosen) or 'nothing'} ({word})",
                    Selection(
                        (kind.account,) if "account" in chosen else (),
                        (kind.decision,) if "decision" in chosen else (),
                        (kind.verdict or "none",) if "verdict" in chosen else (),
                        (kind.digest,) if "policy" in chosen else (),
                        month if "time" in chosen else EVER,
                    ),
                )
    for word, first, second in (("frequent", frequent, rare), ("rare", rare, frequent)):
        yield f"{word} account, the other's verdict", Selection((first.account,), (), (second.verdict or "none",))
        yield f"{word} verdict, the other's policy", Selection((), (), (first.verdict or "none",), (second.digest,))
    yield "an hour without a record", Selection(span=Span(BEGIN - YEAR, BEGIN - YEAR // 2))


def main() -> None:
    """Write a log and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--body", type=int, default=400, help="bytes of a body; one of the default policy has 13,000")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--policies", type=int, default=5)
    parser.add_argument("--all", action="store_true", help="print every combination, not only the slowest")
    parser.add_argument("--log", help="a log that was kept, or where to keep this one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(chosen.log or Path(folder) / "log.sqlite3")
        if not path.exists():
            write_log(path, chosen.records, kinds(chosen.accounts, chosen.policies), chosen.body)
        measure(path, chosen.all)


def measure(path: Path, everything: bool) -> None:
    """Print what pages of a log take."""
    address = f"sqlite:///{path}"
    with open_log(address) as log:
        selections = list(combinations(log))
        size, many = log.head().size, len(log.kinds())
        print(f"{size:,} records of {many:,} kinds, {path.stat().st_size / 1e6:,.0f} MB; a page is {PAGE} records")
    found = []
    for name, selection in selections:
        found += [(milliseconds(lambda s=selection, n=new: asked(address, s, n)), f"{name}, {word} first")
                  for new, word in ((True, "newest"), (False, "oldest"))]  # fmt: skip
    for part in (1, 50, 99):
        deep = Cursor(BEGIN + YEAR * part // 100, 1)
        found.append((milliseconds(lambda a=deep: asked(address, Selection(), True, a)), f"behind {part} % of a year"))
    middles = sorted(middle for (_, middle, _), _ in found)
    print(f"{len(found)} queries: median {middles[len(middles) // 2]:.1f} ms, slowest median {middles[-1]:.1f} ms,"
          f" slowest single run {max(longest for (_, _, longest), _ in found):.1f} ms")  # fmt: skip
    for (first, middle, longest), name in sorted(found, reverse=True, key=lambda one: one[0][1])[
        : None if everything else 10
    ]:
        print(f"{middle:8.1f} ms  (first {first:.1f}, longest {longest:.1f})  {name}")
    with open_log(address) as log, looking(log):
        everyone = log.kinds()
        print(f"counting all: {milliseconds(lambda: count(log, everyone, EVER))[1]:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
