"""A file that is replaced as a whole, and durably: after a loss of power it is the new one, or all of the old one."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rulecap.audit.on_disk import see_on_disk


def replace_file(path: Path, text: str, prepare: Callable[[int], None] = lambda _: None) -> None:
    """Put a text in a file's place, its owner's alone, and see it and its name on the disk.

    It is written under a name of its own until it is whole: others may write beside it. `prepare` is given the new file
    before it comes in the old one's place.

    Raises:
        OSError: it cannot be written; no piece is left behind.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its owner's alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            prepare(file.fileno())
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):  # where it cannot be taken away either, what is told first is why
            Path(name).unlink(missing_ok=True)
        raise
    see_on_disk(path.parent)
