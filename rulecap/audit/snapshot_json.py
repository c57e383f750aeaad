"""Snapshots as JSON: parts that come again, because several questions are asked about them, are written once."""

from pydantic_core import to_json

from rulecap.snapshot import Snapshot

# What is frozen through and through, so that the same object is always the same JSON.
FROZEN = frozenset({"account", "positions", "market", "book", "assets", "correlation"})
FIELDS = tuple((name, b'"%s":' % name.encode(), name in FROZEN) for name in Snapshot.model_fields)
MOST_KEPT = 128


class SnapshotJson:
    """Writes snapshots, and keeps the JSON of the parts that it wrote last."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[int, tuple[object, bytes]] = {}

    def json(self, snapshot: Snapshot) -> bytes:
        """Return a snapshot as JSON, without what is absent; byte for byte as pydantic writes it."""
        told, pieces = snapshot.__dict__, []
        for name, head, frozen in FIELDS:
            value = told[name]
            if value is not None:
                pieces.append(head + (self._part(value) if frozen else to_json(value, exclude_none=True)))
        return b"{%s}" % b",".join(pieces)

    def _part(self, value: object) -> bytes:
        kept = self._kept.get(id(value))
        if kept is not None:
            return kept[1]
        text = to_json(value, exclude_none=True)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(value)] = (value, text)  # the value too, so that its id is not another's
        return text
