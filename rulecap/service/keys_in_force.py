"""The keys in force: read again when their file is edited; a file that cannot be used leaves the last good ones."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from rulecap.service.edits import State, state_of
from rulecap.service.failing import steadily
from rulecap.service.keys import Key, KeyRing, Scope, UnusableKeys, read_keys

log = logging.getLogger("rulecap.service")


class KeysInForce:
    """The keys that count now.

    Attributes:
        ring: swapped as a whole; none where no keys are asked for.
        failure: what is wrong with the edited file, while the last good one counts.
    """

    def __init__(self, path: Path | None) -> None:
        """Read a file of keys; without one no keys are asked for.

        Raises:
            UnusableKeys: the file cannot be used.
        """
        self._path = path
        self._seen: State | None = None
        self.ring = None if path is None else KeyRing(read_keys(path))
        self.failure: UnusableKeys | None = None

    def lets(self, key: Key | None, scope: Scope) -> bool:
        """Return whether who was let in by a key, or where none was asked for, may still do what asks for a scope."""
        return self.ring is None or (key is not None and self.ring.lets(key, scope))

    async def watch(self, seconds: float, taken: Callable[[], None]) -> None:
        """Look for edits of the file again and again, until cancelled; there is nothing to look at without one.

        Args:
            seconds: how long to wait between two looks.
            taken: called after each reading whose keys count from then on.
        """
        path = self._path
        if path is None:
            return

        async def look() -> None:
            state = await asyncio.to_thread(state_of, path)
            if state != self._seen or self.failure is not None:  # what failed may do so for a moment alone
                self._seen = state
                if await self._read(path):
                    taken()

        await steadily(look, seconds)

    async def _read(self, path: Path) -> bool:
        """Read the keys again; return whether they can be used."""
        try:
            ring = KeyRing(await asyncio.to_thread(read_keys, path))
        except UnusableKeys as error:
            if str(error) != str(self.failure):
                text = "the edited keys cannot be used, the last good ones count: %s"
                log.error(text, error, extra={"code": "bad-keys"})
            self.failure = error
            return False
        if self.failure is not None:
            log.info("the file of keys can be used again")
        self.ring, self.failure = ring, None
        return True
