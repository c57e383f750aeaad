"""The scores at which open positions were entered, as the log has them."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Set

from rulecap.audit import open_log
from rulecap.audit.log import Log
from rulecap.audit.record import Record
from rulecap.audit.review.selection import looking
from rulecap.engine.policy import Policy
from rulecap.snapshot import Position, Signal, Snapshot, read_snapshot

# A symbol and a position's side.
Held = tuple[str, str]
# An exchange's `Extras` take a symbol alone, too.
Scores = dict[str | Held, float]
SIDES = {"BUY": "LONG", "SELL": "SHORT"}
# So many decisions to open are read back at the most, when nothing is known yet.
MOST_READ = 20_000


class EntryScores:
    """Tells the score of each open position: that of the newest signal in its direction on which it was opened.

    On which verdicts a position is opened, the policy that decided says. A position that was seen to end takes its
    score with it: what is opened later, without being asked about, has none. For many threads.
    """

    def __init__(self, url: str, account: str, known: Iterable[Policy] = ()) -> None:
        """Read an account's entries from a log; nothing is read yet.

        Args:
            url: the log's address.
            account: whose positions they are.
            known: policies that are loaded already; any other that decided is loaded from the log.
        """
        self._url, self._account = url, account
        self._opening = {one.digest: one.opening for one in known}
        self._scores: dict[Held, float] = {}
        self._open: frozenset[Held] = frozenset()
        self._read_to = 0
        self._lock = threading.Lock()

    def of(self, positions: Iterable[Position]) -> Scores:
        """Return the scores of open positions; those that nobody recorded are left out.

        Raises:
            LogError: the log cannot be read.
        """
        held = frozenset((one.symbol, one.side) for one in positions)
        with self._lock:
            self._forget(self._open - held)
            self._open = held
            with open_log(self._url) as log, looking(log):
                self._read(log, held)
            return {one: self._scores[one] for one in held if one in self._scores}

    def _forget(self, ended: Set[Held]) -> None:
        for one in ended:
            self._scores.pop(one, None)

    def _read(self, log: Log, held: Set[Held]) -> None:
        size, found = log.head().size, dict[Held, float]()
        for number, record in enumerate(self._entries(log), 1):
            signal = _signal(record)
            if signal is not None and signal.score is not None and not signal.reduce_only:
                found.setdefault((signal.symbol, SIDES[signal.side]), signal.score)
            # Back to where it was read before, whatever is held: a newer signal replaces the score of an older one.
            if not self._read_to and (held <= found.keys() or number == MOST_READ):
                break
        self._scores |= found
        self._read_to = size

    def _entries(self, log: Log) -> Iterator[Record]:
        """Yield the records on which a position was opened, the newest first, back to where was read before."""
        kinds = {number: kind for number, kind in log.kinds().items() if kind.account == self._account and kind.verdict}
        if not kinds:
            return
        marks = ", ".join("?" * len(kinds))
        rows = log.database.run(
            f"SELECT seq, kind FROM records WHERE kind IN ({marks}) AND seq > ? ORDER BY seq DESC",
            (*kinds, self._read_to),
        )
        for seq, number in rows:
            kind = kinds[number]
            opening = self._opens(log, kind.digest)
            if any(kind.verdict in verdicts for verdicts in opening.values()):
                record = log.record(seq)
                assert record is not None  # one moment of the log is looked at
                answered = record.fields["answered_by"]
                if record.fields["verdict"] in opening.get(answered, ()):
                    yield record

    def _opens(self, log: Log, digest: str) -> Mapping[str, tuple[str, ...]]:
        if digest not in self._opening:
            self._opening[digest] = log.policy(digest).opening
        return self._opening[digest]


def _signal(record: Record) -> Signal | None:
    found = read_snapshot(record.fields["snapshot"])
    return found.signal if isinstance(found, Snapshot) else None
