"""What somebody can make of a log who may write its database and knows how rulecap works, but has no key."""

import json
import re
import sqlite3
from collections.abc import Sequence

from rulecap.audit.checkpoint import Checkpoint
from rulecap.audit.clock import time_of
from rulecap.audit.merkle import Peaks, leaf_hash
from rulecap.audit.note import Signer, sign
from rulecap.audit.said import RecordedSnapshot, said_by


def bodies(database: sqlite3.Connection) -> list[bytes]:
    return [body for (body,) in database.execute("SELECT body FROM records ORDER BY seq")]


def renumbered(body: bytes, seq: int) -> bytes:
    """A record that says that it is of another number, in its id too."""
    body = re.sub(rb'^\{"seq":\d+', b'{"seq":%d' % seq, body)
    return re.sub(rb'("id":"[0-9a-f]+-)\d+', rb"\g<1>%d" % seq, body, count=1)


def rewrite(database: sqlite3.Connection, records: Sequence[bytes], key: Signer | None = None) -> None:
    """Make a log of these records in which everything agrees: tree, head, columns and indices."""
    for table in ("records", "nodes", "advances", "requests", "kinds"):
        database.execute(f"DELETE FROM {table}")
    last: dict[tuple[str, str], int] = {}
    kinds: dict[object, int] = {}
    for seq, body in enumerate(records, 1):
        said = said_by(body)
        if said.about not in kinds:
            kinds[said.about] = len(kinds) + 1
            database.execute("INSERT INTO kinds VALUES (?, ?, ?, ?, ?, ?)", (kinds[said.about], *said.about))
        database.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (seq, said.written, kinds[said.about], body))
        whose = said.account, said.policy.name
        if seq == 1 and isinstance(said.snapshot, RecordedSnapshot) and said.snapshot.carried:
            last = {(one["account"], one["policy"]): time_of(one["as_of"]) for one in said.snapshot.carried["memories"]}
        if said.as_of is not None and said.advanced and said.as_of > last.get(whose, -1):
            last[whose] = said.as_of
            database.execute("INSERT INTO advances VALUES (?, ?, ?, ?)", (*whose, said.as_of, seq))
        if said.request:
            asked = (said.account, said.decision, said.request.key, seq)
            database.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", asked)
    seal(database, records, key)
    used = {said_by(body).policy.digest for body in records}
    for (digest,) in database.execute("SELECT DISTINCT digest FROM policies").fetchall():
        if digest not in used:
            database.execute("DELETE FROM policies WHERE digest = ?", (digest,))


def seal(database: sqlite3.Connection, records: Sequence[bytes], key: Signer | None = None) -> None:
    """Grow the tree again, and write its head."""
    peaks, nodes = Peaks(), list[bytes]()
    for body in records:
        peaks, made = peaks.append(leaf_hash(body))
        nodes += made
    database.execute("DELETE FROM nodes")
    database.executemany("INSERT INTO nodes VALUES (?, ?)", list(enumerate(nodes)))
    (name,) = database.execute("SELECT id FROM log").fetchone()
    text = Checkpoint(f"rulecap/{name}", peaks.size, peaks.root).to_text()
    note = sign(text, key) if key else text
    database.execute("UPDATE log SET size = ?, root = ?, note = ?", (peaks.size, peaks.root, note))


def idle(records: Sequence[bytes]) -> list[int]:
    """The numbers of the records that no other record builds on: they advanced nothing, and no key found them again."""
    last: dict[tuple[str, str], int] = {}
    found = []
    for seq, body in enumerate(records, 1):
        said = said_by(body)
        whose = said.account, said.policy.name
        if said.as_of is not None and said.advanced and said.as_of > last.get(whose, -1):
            last[whose] = said.as_of
        elif not said.request:
            found.append(seq)
    return found


def changed(body: bytes, **fields: object) -> bytes:
    """A record in which fields say something else, written as rulecap writes."""
    return json.dumps({**json.loads(body), **fields}, separators=(",", ":"), ensure_ascii=False).encode()
