"""What was counted of deposits, kept in a file over restarts: by that, an entry that comes late is not lost."""

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rulecap.audit.opening import SQLITE, sqlite_path
from rulecap.service.replaced import replace_file

if TYPE_CHECKING:
    from rulecap.exchange import Deposits, ExchangeSettings

log = logging.getLogger("rulecap.service")
# How often what is kept is renewed while nothing moves: from there the ledger is read on at the next start.
RENEWED_SECONDS = 600.0
# How long the last writing is waited for at the end.
LONGEST_WRITING = 2.0


class Counted:
    """A file with what was counted, the latest last, each with another sum; whoever counts over the log keeps it here.

    Attributes:
        kept: as it was read or written last.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; one that cannot be used counts for nothing, and is written anew."""
        self._path, self._failing = path, False
        self.kept: tuple[Deposits, ...] = self._read()

    def _read(self) -> "tuple[Deposits, ...]":
        from rulecap.exchange import Deposits

        try:
            return tuple(Deposits.of(one) for one in json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._tell("read", error)
            return ()

    def look(self) -> None:
        """Read it again: others may have kept something."""
        self.kept = self._read()

    def lacks(self, known: "Deposits") -> bool:
        """Return whether something is known that is worth being kept: an entry that was counted, or a later time."""
        last = self.kept[-1] if self.kept else None
        if last is None or last.net != known.net or not (known.seen or frozenset()) <= (last.seen or frozenset()):
            return True
        return (known.through - last.through).total_seconds() >= RENEWED_SECONDS

    def keep(self, known: "Deposits") -> None:
        """Write what is known, durably and as a whole; a disk that fails is told, and tried again."""
        # Another process may go on from its own sums, or from that of a record which is another's.
        kept = known.kept_with(self._read() or self.kept)
        try:
            replace_file(self._path, json.dumps([one.to_dict() for one in kept]))
        except OSError as error:
            self._tell("written", error)
        else:
            self.kept, self._failing = kept, False

    def _tell(self, done: str, error: Exception) -> None:
        if self._failing:
            return
        self._failing = True
        why = getattr(error, "strerror", None) or type(error).__name__
        text = f"what was counted of deposits cannot be {done}: {self._path}: {why}"
        log.warning(text, extra={"code": "deposits-unkept"})


class Keeping:
    """Has what is known written beside the readings, so that no account waits for the disk."""

    def __init__(self, counted: Counted | None) -> None:
        """Keep it there; nowhere where there is no such file."""
        self._counted = counted
        self._writing: asyncio.Future[None] | None = None

    @property
    def kept(self) -> "tuple[Deposits, ...]":
        """What was kept until now, by whoever it was."""
        if self._counted is None:
            return ()
        self._counted.look()
        return self._counted.kept

    def note(self, known: "Deposits") -> None:
        """Begin to write what is known, where that is worth being kept and nothing is being written."""
        counted = self._counted
        if counted is not None and (self._writing is None or self._writing.done()) and counted.lacks(known):
            self._writing = asyncio.ensure_future(asyncio.to_thread(counted.keep, known))

    async def close(self) -> None:
        """Wait for what is being written, for a while."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=LONGEST_WRITING)


def counted_of(settings: "ExchangeSettings", url: str) -> Counted | None:
    """Return what is kept of an account's deposits: in its folder, or beside a log in SQLite; else none is.

    Raises:
        LogError: the address names no file.
    """
    name = f"deposits-{quote(settings.account_name, safe='')}"
    if settings.deposits_folder is not None:
        return Counted(settings.deposits_folder / name)
    if not url.startswith(SQLITE):
        return None
    path = sqlite_path(url)
    return Counted(path.with_name(f"{path.name}.{name}"))
