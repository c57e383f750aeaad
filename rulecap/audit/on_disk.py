"""That a file is still there after a loss of power: its name is in its folder, which has to reach the disk too."""

import os
from pathlib import Path


def see_on_disk(folder: Path) -> None:
    """Make a new file's name outlast a loss of power; Windows opens no folders, and needs none of this."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
