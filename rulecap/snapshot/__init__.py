"""The snapshot: everything that a policy may look at, as frozen models, and how one is read."""

from rulecap.snapshot.model import Account, Asset, Book, Bracket, Market, Part, Position, Signal, Snapshot
from rulecap.snapshot.reading import read_snapshot

__all__ = [
    "Account",
    "Asset",
    "Book",
    "Bracket",
    "Market",
    "Part",
    "Position",
    "Signal",
    "Snapshot",
    "read_snapshot",
]
