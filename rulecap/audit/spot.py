"""A look at a sample of a log before it is written on: are its records there, and what the tree says they were?

A file that was cut, overwritten, or laid over by an older copy may still have a head that looks whole, because SQLite
keeps the newest pages apart. The sample is no verification; it keeps a bot from writing on in a file with holes in it.
"""

from rulecap.audit.batches import batches
from rulecap.audit.database import Database
from rulecap.audit.errors import LogError
from rulecap.audit.merkle import leaf_hash, node_count

SAMPLE, LATEST = 200, 16
AT_ONCE = 16


def spot_check(database: Database, size: int) -> None:
    """Hold records spread over the log, and its latest ones, against their leaves in the tree.

    Raises:
        LogError: one is missing, or is not what was hashed.
    """
    for some in batches(_sampled(size), AT_ONCE):
        marks = ", ".join("?" * len(some))
        places = [node_count(seq - 1) for seq in some]
        bodies: dict[int, object] = dict(database.run(f"SELECT seq, body FROM records WHERE seq IN ({marks})", some))
        leaves: dict[int, object] = dict(
            database.run(f"SELECT position, hash FROM nodes WHERE position IN ({marks})", places)
        )
        for seq, place in zip(some, places, strict=True):
            body = bodies.get(seq)
            if not isinstance(body, bytes) or leaf_hash(body) != leaves.get(place):
                raise LogError("log-corrupt", f"{database.where}: record {seq} is missing or is not what was written")


def _sampled(size: int) -> list[int]:
    spread = {1 + (size - 1) * step // (SAMPLE - 1) for step in range(SAMPLE)} if size else set()
    return sorted(spread | set(range(max(1, size - LATEST + 1), size + 1)))
