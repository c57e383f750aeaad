"""The scores at which open positions were entered, as the log has them."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Set

from pydantic import ValidationError

from rulecap.audit import open_log
from rulecap.audit.log import Kind, Log
from rulecap.audit.record import Record
from rulecap.audit.review.selection import looking
from rulecap.engine.policy import Policy
from rulecap.snapshot import Position, Signal

# A symbol and a position's side.
Held = tuple[str, str]
Entry = tuple[Held, float]
# An exchange's `Extras` take a symbol alone, too.
Scores = dict[str | Held, float]
SIDES = {"BUY": "LONG", "SELL": "SHORT"}
# So many decisions that may have opened a position are read back at the most, whether they did or not.
MOST_READ = 20_000
ROWS = 2000


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
        self._ended: set[Held] = set()
        # All that was recorded after one and up to the other has been read.
        self._read_after, self._read_to = -1, -1
        self._left = MOST_READ
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
                self._read_on(log)
                self._read_back(log, set(held - self._scores.keys() - self._ended))
            return {one: self._scores[one] for one in held if one in self._scores}

    def _forget(self, ended: Set[Held]) -> None:
        self._ended |= ended
        for one in ended:
            self._scores.pop(one, None)

    def _read_on(self, log: Log) -> None:
        """Read what was recorded since the last time; a newer signal replaces the score of an older one."""
        size, newest = log.head().size, dict[Held, float]()
        if self._read_to < 0:
            self._read_after = self._read_to = size
        for _, entry in self._entries(log, self._read_to, size):
            if entry is not None:
                newest.setdefault(*entry)
        self._scores |= newest
        self._read_to = size

    def _read_back(self, log: Log, wanted: set[Held]) -> None:
        """Read what was recorded before, as far back as something is wanted."""
        if not wanted:
            return
        for seq, entry in self._entries(log, 0, self._read_after):
            self._read_after = seq - 1
            self._left -= 1
            if entry is not None and entry[0] not in self._ended:
                self._scores.setdefault(*entry)
            wanted -= {entry[0]} if entry else set()
            if not wanted:
                return
            if self._left <= 0:
                break
        self._read_after = 0

    def _entries(self, log: Log, after: int, last: int) -> Iterator[tuple[int, Entry | None]]:
        """Yield each record on which a position may have been opened, the newest first: its number, and what was."""
        kinds = [number for number, kind in log.kinds().items() if kind.account == self._account and kind.verdict]
        kinds = [number for number in kinds if self._may_open(log, log.kinds()[number])]
        if not kinds:
            return
        marks = ", ".join("?" * len(kinds))
        statement = (
            f"SELECT seq FROM records WHERE kind IN ({marks}) AND seq > ? AND seq <= ? ORDER BY seq DESC LIMIT ?"
        )
        while last > after:
            rows = log.database.run(statement, (*kinds, after, last, ROWS))
            for (seq,) in rows:
                yield seq, self._entry(log, seq)
            last = rows[-1][0] - 1 if rows else after

    def _may_open(self, log: Log, kind: Kind) -> bool:
        return any(kind.verdict in verdicts for verdicts in self._opens(log, kind.digest).values())

    def _entry(self, log: Log, seq: int) -> Entry | None:
        """Return the position that was opened on a record, and the signal's score; none where none was."""
        record = log.record(seq)
        assert record is not None  # one moment of the log is looked at
        signal = _signal(record)
        opening = self._opens(log, record.fields["policy"]["digest"])
        if record.fields["verdict"] not in opening.get(record.fields["answered_by"], ()) or signal is None:
            return None
        if signal.score is None or signal.reduce_only:
            return None
        return (signal.symbol, SIDES[signal.side]), signal.score

    def _opens(self, log: Log, digest: str) -> Mapping[str, tuple[str, ...]]:
        if digest not in self._opening:
            self._opening[digest] = log.policy(digest).opening
        return self._opening[digest]


def _signal(record: Record) -> Signal | None:
    """Return the signal that was decided on; the rest of the snapshot is not looked at, it takes most of the time."""
    snapshot = record.fields["snapshot"]
    told = snapshot.get("signal") if record.fields["ok"] and isinstance(snapshot, dict) else None
    try:
        return None if told is None else Signal.model_validate(told)
    except ValidationError:  # as in a log that was tampered with, which `verify` tells
        return None
