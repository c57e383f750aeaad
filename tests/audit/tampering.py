"""Every way to tamper with a log's database that we could think of; each tells what has to be named.

What is naive changes rows. What is thorough also makes everything else agree that can be made to without the key.
"""

import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from rulecap.audit.merkle import leaf_hash, node_count
from rulecap.audit.said import said_by
from tests.audit.rewriting import bodies, changed, idle, renumbered, rewrite, seal
from tests.audit.sample import STRANGER

Random = random.Random
NOTHING, KEY, CHECKPOINT, BOTH = "nothing", "key", "checkpoint", "both"
EVIDENCE = (NOTHING, KEY, CHECKPOINT, BOTH)


@dataclass(frozen=True)
class Done:
    """What was done: the records to be named, each of them and no others; where there are none, the log is.

    With its leaf, a record seems to be genuine at first, and the next one of its account to be wrong, too.
    """

    records: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()
    every: bool = True
    with_leaf: bool = False
    may: frozenset[int] = frozenset()


def named(records: Iterable[int], *codes: str) -> Done:
    return Done(frozenset(records), frozenset(codes))


def within(records: Iterable[int], *codes: str) -> Done:
    """It may be any of these records, or the log, that is named."""
    return Done(frozenset(records), frozenset(codes), every=False)


Tampering = Callable[[sqlite3.Connection, Random], Done]


@dataclass
class Kind:
    """A kind of tampering, and what an auditor needs to have to find it."""

    tamper: Tampering
    found_with: tuple[str, ...] = EVIDENCE
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.tamper.__name__


KINDS: list[Kind] = []


def kind(*found_with: str) -> Callable[[Tampering], Tampering]:
    """Note a kind that is found with this evidence: any, where none is named."""

    def note(tamper: Tampering) -> Tampering:
        KINDS.append(Kind(tamper, found_with or EVIDENCE))
        return tamper

    return note


# --- records, naively


def size_of(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT MAX(seq) FROM records").fetchone()[0])


def some(database: sqlite3.Connection, rng: Random) -> int:
    return rng.randint(1, size_of(database))


def body_of(database: sqlite3.Connection, seq: int) -> bytes:
    return bytes(database.execute("SELECT body FROM records WHERE seq = ?", (seq,)).fetchone()[0])


def put(database: sqlite3.Connection, seq: int, body: object) -> None:
    database.execute("UPDATE records SET body = ? WHERE seq = ?", (body, seq))


def shift(database: sqlite3.Connection, start: int, by: int) -> None:
    """Renumber the rows from one on."""
    database.execute("UPDATE records SET seq = -seq WHERE seq >= ?", (start,))
    database.execute("UPDATE records SET seq = ? - seq WHERE seq < 0", (by,))


@kind()
def a_byte_edited(database, rng):
    seq = some(database, rng)
    body = bytearray(body_of(database, seq))
    at = rng.randrange(len(body))
    body[at] = (body[at] + rng.randint(1, 255)) % 256
    put(database, seq, bytes(body))
    return named([seq])


@kind()
def a_number_edited(database, rng):
    seq = some(database, rng)
    body = body_of(database, seq)
    at = rng.choice([found.start() for found in re.finditer(rb"\d", body)])
    put(database, seq, body[:at] + b"%d" % ((body[at] - 48 + rng.randint(1, 9)) % 10) + body[at + 1 :])
    return named([seq])


@kind()
def a_record_written_anew_with_the_same_meaning(database, rng):
    seq = some(database, rng)
    put(database, seq, json.dumps(json.loads(body_of(database, seq)), indent=rng.choice((None, 1))).encode())
    return named([seq])


@kind()
def a_body_that_is_something_else(database, rng):
    seq = some(database, rng)
    text = body_of(database, seq).decode()
    broken = ["{", "[]", "null", "NaN", '{"seq":1}', '{"a":' * 5000, "", "\0"]
    values = [text, 10**12, -1, 1.5, "", b"", *(one.encode() for one in broken), b"\xff\xfe", b" " * 10**6]
    put(database, seq, rng.choice(values))
    return named([seq])


@kind()
def a_field_twice_in_a_record(database, rng):
    seq = some(database, rng)
    put(database, seq, body_of(database, seq)[:-1] + b',"ok":%s}' % rng.choice((b"true", b"false", b"NaN")))
    return named([seq])


@kind()
def a_record_of_odd_shape_with_its_leaf(database, rng):
    seq = some(database, rng)
    name = rng.choice(
        ["seq", "id", "time", "account", "policy", "request", "snapshot", "memory", "next_memory", "problems"]
    )
    body = before = body_of(database, seq)
    while body == before:  # a record may have no problems to begin with
        other = rng.choice([[], {}, 1, {"key": []}, {"as_of": 5}, {"digest": [1]}, [[]], "2026-01-01", 10**30])
        body = changed(before, **{name: other})
    put(database, seq, body)
    database.execute("UPDATE nodes SET hash = ? WHERE position = ?", (leaf_hash(body), node_count(seq - 1)))
    return Done(frozenset([seq]), with_leaf=True)


@kind()
def the_time_column_edited(database, rng):
    seq = some(database, rng)
    new = rng.choice([rng.randint(-10, 10) or 1, 10**6, 86_400 * 10**6])
    database.execute("UPDATE records SET time = time + ? WHERE seq = ?", (new, seq))
    return named([seq], "columns-differ")


@kind()
def a_column_of_another_type(database, rng):
    seq = some(database, rng)
    column = rng.choice(["time", "kind"])
    database.execute(f"UPDATE records SET {column} = ? WHERE seq = ?", (rng.choice(["x", b"x", 1.5, b"\xff"]), seq))
    return named([seq], "columns-differ")


@kind()
def the_kind_column_edited(database, rng):
    seq = some(database, rng)
    (now,) = database.execute("SELECT kind FROM records WHERE seq = ?", (seq,)).fetchone()
    (count,) = database.execute("SELECT MAX(id) FROM kinds").fetchone()
    new = rng.choice([one for one in (*range(1, count + 1), 0, count + 1, -5) if one != now])
    database.execute("UPDATE records SET kind = ? WHERE seq = ?", (new, seq))
    return named([seq], "columns-differ", "index-differs")


@kind()
def a_record_added_at_the_end(database, rng):
    size = size_of(database)
    seq, source = size + rng.choice((1, 1, 2, 1000, 2**40)), some(database, rng)
    body = renumbered(body_of(database, source), seq)
    database.execute("INSERT INTO records SELECT ?, time, kind, ? FROM records WHERE seq = ?", (seq, body, source))
    return named([seq], "record-inserted")


@kind()
def a_record_put_before_the_first(database, rng):
    seq, source = rng.choice((0, -1, -(2**62))), some(database, rng)
    body = renumbered(body_of(database, source), seq)
    database.execute("INSERT INTO records SELECT ?, time, kind, ? FROM records WHERE seq = ?", (seq, body, source))
    return named([], "record-inserted")


@kind()
def a_record_put_in_between(database, rng):
    size = size_of(database)
    seq, source = rng.randint(1, size), some(database, rng)
    body = renumbered(body_of(database, source), seq)
    time, about = database.execute("SELECT time, kind FROM records WHERE seq = ?", (source,)).fetchone()
    shift(database, seq, 1)
    database.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (seq, time, about, body))
    return named({*range(seq + 1, size + 2), *([] if source == seq else [seq])})


@kind()
def a_record_deleted(database, rng):
    seq = some(database, rng)
    database.execute("DELETE FROM records WHERE seq = ?", (seq,))
    return named([seq], "record-missing")


@kind()
def several_records_deleted(database, rng):
    first, last = sorted((some(database, rng), some(database, rng)))
    database.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, last))
    return named(range(first, last + 1), "record-missing")


@kind()
def a_record_deleted_with_its_nodes(database, rng):
    seq = some(database, rng)
    database.execute("DELETE FROM records WHERE seq = ?", (seq,))
    database.execute("DELETE FROM nodes WHERE position >= ? AND position < ?", (node_count(seq - 1), node_count(seq)))
    return named([seq], "record-missing")


@kind()
def the_last_records_deleted(database, rng):
    size = size_of(database)
    kept = rng.randint(0, size - 1)
    database.execute("DELETE FROM records WHERE seq > ?", (kept,))
    return named(range(kept + 1, size + 1), "record-missing")


@kind()
def two_records_swapped(database, rng):
    one, other = rng.sample(range(1, size_of(database) + 1), 2)
    first, second = body_of(database, one), body_of(database, other)
    put(database, one, second)
    put(database, other, first)
    return named([one, other], "record-moved")


@kind()
def two_rows_swapped(database, rng):
    one, other = rng.sample(range(1, size_of(database) + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        database.execute("UPDATE records SET seq = ? WHERE seq = ?", (new, old))
    return named([one, other], "record-moved")


@kind()
def a_record_copied_over_another(database, rng):
    one, other = rng.sample(range(1, size_of(database) + 1), 2)
    put(database, other, body_of(database, one))
    return named([other], "record-moved")


@kind()
def a_record_copied_over_another_and_renumbered(database, rng):
    one, other = rng.sample(range(1, size_of(database) + 1), 2)
    put(database, other, renumbered(body_of(database, one), other))
    return named([other])


@kind()
def records_shuffled(database, rng):
    size = size_of(database)
    first = rng.randint(1, size - 2)
    places = list(range(first, rng.randint(first + 1, size) + 1))
    order = rng.sample(places, len(places))
    held = {seq: body_of(database, seq) for seq in places}
    for place, source in zip(places, order, strict=True):
        put(database, place, held[source])
    moved = [place for place, source in zip(places, order, strict=True) if place != source]
    return named(moved or places[:2]) if moved else two_records_swapped(database, rng)


@kind()
def a_record_deleted_and_the_rest_renumbered(database, rng):
    size, seq = size_of(database), some(database, rng)
    database.execute("DELETE FROM records WHERE seq = ?", (seq,))
    shift(database, seq, -1)
    return named(range(seq, size + 1))


@kind()
def a_number_given_away(database, rng):
    """A row has another number, beyond the others; its place is empty."""
    size, seq = size_of(database), some(database, rng)
    new = size + rng.choice((1, 10, 2**50))
    database.execute("UPDATE records SET seq = ? WHERE seq = ?", (new, seq))
    return named([seq, new], "record-missing", "record-inserted")


@kind()
def a_record_edited_with_its_leaf(database, rng):
    seq = some(database, rng)
    body = changed(body_of(database, seq), engine="0.0.0")
    put(database, seq, body)
    database.execute("UPDATE nodes SET hash = ? WHERE position = ?", (leaf_hash(body), node_count(seq - 1)))
    return named([seq])


# --- the tree, the head, the tables beside


def node(database: sqlite3.Connection, position: int) -> bytes:
    return bytes(database.execute("SELECT hash FROM nodes WHERE position = ?", (position,)).fetchone()[0])


def leaves(seq: int) -> int:
    return node_count(seq) - node_count(seq - 1)


@kind()
def a_node_edited(database, rng):
    seq = some(database, rng)
    position = node_count(seq - 1) + rng.randrange(leaves(seq))
    old = node(database, position)
    values = [rng.randbytes(32), old[:-1], old + b"\0", b"", 10**12, old.hex(), 0.5]
    database.execute("UPDATE nodes SET hash = ? WHERE position = ?", (rng.choice(values), position))
    return named([seq], "node-altered")


@kind()
def a_node_deleted(database, rng):
    seq = some(database, rng)
    position = node_count(seq - 1) + rng.randrange(leaves(seq))
    database.execute("DELETE FROM nodes WHERE position = ?", (position,))
    return named([seq], "node-altered")


@kind()
def a_node_added(database, rng):
    size = size_of(database)
    position = rng.choice((-1, -5, node_count(size), node_count(size) + 9, 2**62))
    database.execute("INSERT INTO nodes VALUES (?, ?)", (position, rng.randbytes(32)))
    return named([] if position < 0 else [size + 1], "node-altered", "record-missing")


@kind()
def all_nodes_deleted(database, rng):
    database.execute("DELETE FROM nodes")
    return named(range(1, size_of(database) + 1), "node-altered")


@kind()
def the_head_s_size_edited(database, rng):
    size = size_of(database)
    new = rng.choice([rng.randint(0, size - 1), size + 1, size + 1000, 10**15, 2**63 - 1])
    database.execute("UPDATE log SET size = ?", (new,))
    return named(range(min(new, size) + 1, min(max(new, size), size + 9) + 1))


@kind()
def the_head_s_root_edited(database, rng):
    database.execute("UPDATE log SET root = ?", (rng.randbytes(32),))
    return named([], "head-differs")


@kind()
def the_head_s_root_and_checkpoint_edited(database, rng):
    name, size = database.execute("SELECT id, size FROM log").fetchone()
    root = rng.randbytes(32)
    text = head_text(name, size, root)
    database.execute("UPDATE log SET root = ?, note = ?", (root, text))
    return named([], "head-differs", "not-signed")


def head_text(name: str, size: int, root: bytes) -> str:
    from rulecap.audit.checkpoint import Checkpoint

    return Checkpoint(f"rulecap/{name}", size, root).to_text()


@kind()
def the_log_s_id_edited(database, rng):
    database.execute("UPDATE log SET id = ?", (rng.choice(("0123456789ab", "x", "a-b")),))
    return named(range(1, size_of(database) + 1))


@kind()
def the_head_s_checkpoint_edited(database, rng):
    (note,) = database.execute("SELECT note FROM log").fetchone()
    lines = note.split("\n")
    at = rng.randrange(3)
    lines[at] = {0: "rulecap/other", 1: "7", 2: "A" * 43 + "="}[at]
    values = ["\n".join(lines), note[:-1], "x", f"{note}\n\n", "\n\n", note[len(note) // 3 :]]
    database.execute("UPDATE log SET note = ?", (rng.choice(values),))
    return within(range(1, size_of(database) + 1), *ANY_HEAD)


ANY_HEAD = ("head-differs", "bad-signature", "not-signed", "record-inserted", "record-missing")


@kind()
def a_policy_s_content_edited(database, rng):
    digest, name, content = rng.choice(database.execute("SELECT digest, name, content FROM policies").fetchall())
    at = rng.randrange(len(content))
    edited = content[:at] + bytes([content[at] ^ rng.randint(1, 255)]) + content[at + 1 :]
    new = rng.choice((edited, b"", content + b"\n", content.decode(), 10**12))
    database.execute("UPDATE policies SET content = ? WHERE digest = ? AND name = ?", (new, digest, name))
    return named([first_of(database, digest)], "policy-altered")


@kind()
def a_policy_s_file_renamed(database, rng):
    digest, name = rng.choice(database.execute("SELECT digest, name FROM policies").fetchall())
    database.execute("UPDATE policies SET name = ? WHERE digest = ? AND name = ?", (f"{name}x", digest, name))
    return named([first_of(database, digest)], "policy-altered")


@kind()
def a_policy_deleted(database, rng):
    (digest,) = rng.choice(database.execute("SELECT DISTINCT digest FROM policies").fetchall())
    database.execute("DELETE FROM policies WHERE digest = ?", (digest,))
    return named([first_of(database, digest)], "policy-missing")


@kind()
def a_policy_s_file_deleted_or_added(database, rng):
    digest, name = rng.choice(
        database.execute("SELECT digest, name FROM policies WHERE name NOT LIKE 'policy.yaml'").fetchall()
    )
    if rng.random() < 0.5:
        database.execute("DELETE FROM policies WHERE digest = ? AND name = ?", (digest, name))
    else:
        database.execute("INSERT INTO policies VALUES (?, ?, ?)", (digest, "another.yaml", b""))
    return named([first_of(database, digest)], "policy-altered")


@kind()
def a_policy_added_that_nobody_asked(database, rng):
    database.execute("INSERT INTO policies VALUES (?, 'policy.yaml', ?)", (rng.randbytes(32).hex(), b"language: 1\n"))
    return named([], "policy-altered")


def first_of(database: sqlite3.Connection, digest: str) -> int:
    for seq, body in enumerate(bodies(database), 1):
        if json.loads(body)["policy"]["digest"] == digest:
            return seq
    raise AssertionError(digest)


@kind()
def the_index_of_advances_edited(database, rng):
    account, policy, as_of, seq = rng.choice(database.execute("SELECT * FROM advances").fetchall())
    where = "WHERE account = ? AND policy = ? AND as_of = ?"
    column, new = rng.choice([("as_of", as_of + 1), ("seq", seq + 1), ("account", "x"), ("seq", "x"), ("as_of", b"x")])
    database.execute(f"UPDATE advances SET {column} = ? {where}", (new, account, policy, as_of))
    return named([seq, seq + 1] if (column, new) == ("seq", seq + 1) else [seq], "index-differs")


@kind()
def an_advance_deleted(database, rng):
    account, policy, as_of, seq = rng.choice(database.execute("SELECT * FROM advances").fetchall())
    where = "WHERE account = ? AND policy = ? AND as_of = ?"
    database.execute(f"DELETE FROM advances {where}", (account, policy, as_of))
    return named([seq], "index-differs")


@kind()
def an_advance_added(database, rng):
    seq = rng.choice((some(database, rng), 0, -3, size_of(database) + 5))
    database.execute("INSERT INTO advances VALUES ('main', 'default', ?, ?)", (rng.randint(0, 10**15), seq))
    return named([seq] if seq > 0 else [], "index-differs")


@kind()
def the_index_of_keys_edited(database, rng):
    account, decision, name, seq = rng.choice(database.execute("SELECT * FROM requests").fetchall())
    where = "WHERE account = ? AND decision = ? AND name = ?"
    values = account, decision, name
    column, new = rng.choice([("seq", other(seq, database, rng)), ("name", "key"), ("account", "x"), ("seq", b"x")])
    database.execute(f"UPDATE requests SET {column} = ? {where}", (new, *values))
    named_too = [new] if column == "seq" and isinstance(new, int) and new > 0 else []
    return replace(
        named([seq, *named_too], "index-differs"), may=frozenset(asked_under(database, account, decision, name))
    )


def asked_under(database: sqlite3.Connection, account: str, decision: str, key: str) -> list[int]:
    asked = [(seq, json.loads(body)) for seq, body in enumerate(bodies(database), 1)]
    return [
        seq
        for seq, one in asked
        if one["request"] and (one["account"], one["decision"], one["request"]["key"]) == (account, decision, key)
    ]


def other(seq: int, database: sqlite3.Connection, rng: Random) -> int:
    """Another record than this one, where it was not asked under a key; or none that there is."""
    free = [at for at, body in enumerate(bodies(database), 1) if not json.loads(body)["request"] and at < seq]
    return rng.choice([*free, 0, -7])


@kind()
def a_key_deleted(database, rng):
    account, decision, name, _ = rng.choice(database.execute("SELECT * FROM requests").fetchall())
    where = "WHERE account = ? AND decision = ? AND name = ?"
    database.execute(f"DELETE FROM requests {where}", (account, decision, name))
    return named(asked_under(database, account, decision, name), "index-differs")


@kind()
def a_key_added(database, rng):
    seq = rng.choice((some(database, rng), size_of(database) + 1, 0))
    database.execute("INSERT INTO requests VALUES ('main', 'margin', 'never asked', ?)", (seq,))
    return named([seq] if seq else [], "index-differs")


@kind()
def a_kind_edited(database, rng):
    (number,) = rng.choice(database.execute("SELECT id FROM kinds").fetchall())
    column = rng.choice(["account", "decision", "verdict", "policy", "digest"])
    database.execute(f"UPDATE kinds SET {column} = ? WHERE id = ?", (rng.choice(["x", b"x", 5]), number))
    return named(of_kind(database, number), "columns-differ")


@kind()
def two_kinds_swapped(database, rng):
    one, two = rng.sample([number for (number,) in database.execute("SELECT id FROM kinds")], 2)
    for old, new in ((one, -1), (two, one), (-1, two)):
        database.execute("UPDATE kinds SET id = ? WHERE id = ?", (new, old))
    return named(of_kind(database, one) | of_kind(database, two), "columns-differ")


@kind()
def a_kind_deleted(database, rng):
    (number,) = rng.choice(database.execute("SELECT id FROM kinds").fetchall())
    database.execute("DELETE FROM kinds WHERE id = ?", (number,))
    return named(of_kind(database, number), "columns-differ")


@kind()
def a_kind_added(database, rng):
    database.execute("INSERT INTO kinds VALUES (?, 'x', 'y', 'z', 'p', 'd')", (rng.choice((0, -1, 10**6)),))
    return named([], "index-differs")


def of_kind(database: sqlite3.Connection, number: int) -> set[int]:
    return {seq for (seq,) in database.execute("SELECT seq FROM records WHERE kind = ?", (number,))}


@kind()
def a_checkpoint_put_into_the_log(database, rng):
    (name,) = database.execute("SELECT id FROM log").fetchone()
    size = rng.randint(1, size_of(database))
    note = rng.choice(
        [head_text(name, size, rng.randbytes(32)), head_text("other", size, rng.randbytes(32)), "x", b"x", 1]
    )
    database.execute("INSERT INTO checkpoints VALUES (?, ?)", (size, note))
    return within(range(1, size + 1), "checkpoint-differs", "bad-checkpoint", "other-log", "bad-signature")


@kind()
def the_tables_themselves_changed(database, rng):
    change = rng.choice(
        [
            "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM advances; END",
            "CREATE TRIGGER t AFTER UPDATE ON log BEGIN UPDATE nodes SET hash = x'00'; END",
            "DROP INDEX records_by_kind",
            "ALTER TABLE records ADD COLUMN more TEXT",
            "ALTER TABLE checkpoints RENAME TO kept; CREATE VIEW checkpoints AS SELECT * FROM kept WHERE 0",
            "ALTER TABLE records RENAME TO kept; CREATE VIEW records AS SELECT * FROM kept",
            "ALTER TABLE requests RENAME TO kept; CREATE TABLE requests (account, decision, name, seq);"
            "INSERT INTO requests SELECT * FROM kept; DROP TABLE kept",
        ]
    )
    database.executescript(change)
    return named([], "tables-differ")


@kind()
def a_table_without_its_rules(database, rng):
    """A table is made anew without its constraints, so that anything fits in."""
    name, columns = rng.choice(
        [
            ("records", "seq, time, kind, body"),
            ("nodes", "position, hash"),
            ("kinds", "id, account, decision, verdict, policy, digest"),
            ("policies", "digest, name, content"),
            ("advances", "account, policy, as_of, seq"),
            ("requests", "account, decision, name, seq"),
            ("checkpoints", "size, note"),
        ]
    )
    database.executescript(
        f"ALTER TABLE {name} RENAME TO kept; CREATE TABLE {name} ({columns});"
        f"INSERT INTO {name} SELECT * FROM kept; DROP TABLE kept"
    )
    count = len(columns.split(","))
    for _ in range(3):
        values = [rng.choice([None, 1, "x", b"\xff", 1.5, -5, 2**62, 10**12]) for _ in range(count)]
        database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * count)})", values)
    database.execute(f"INSERT INTO {name} SELECT * FROM {name} LIMIT 2")
    database.execute(f"UPDATE {name} SET {rng.choice(columns.split(', '))} = CAST(x'ff41' AS TEXT) WHERE rowid = 2")
    return within(range(1, size_of_any(database) + 1), "tables-differ")


def size_of_any(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT size FROM log").fetchone()[0])


@kind()
def a_table_gone(database, rng):
    name = rng.choice(["records", "nodes", "kinds", "policies", "advances", "requests", "checkpoints"])
    database.execute(f"DROP TABLE {name}")
    return named([], "tables-differ")


# --- the end cut off


@kind()
def the_end_cut_off_with_its_head(database, rng):
    """Records, columns and head are cut, nothing else."""
    size = size_of(database)
    kept = rng.randint(1, size - 1)
    nodes = database.execute("SELECT position, hash FROM nodes").fetchall()
    database.execute("DELETE FROM records WHERE seq > ?", (kept,))
    seal(database, bodies(database))
    database.executemany("INSERT OR IGNORE INTO nodes VALUES (?, ?)", nodes)
    return named(range(kept + 1, size + 1))


@kind(KEY, CHECKPOINT, BOTH)
def the_end_cut_off_with_all_that_belongs_to_it(database, rng):
    size = size_of(database)
    kept = rng.randint(1, size - 1)
    rewrite(database, bodies(database)[:kept])
    return within(range(kept + 1, size + 1), "checkpoint-ahead", "not-signed")


# --- thorough: everything agrees again, but for what only the key's holder can make


@kind(KEY, CHECKPOINT, BOTH)
def a_record_edited_and_everything_computed_again(database, rng):
    records = bodies(database)
    seq = rng.randint(1, len(records))
    records[seq - 1] = changed(records[seq - 1], engine="9.9.9")
    rewrite(database, records)
    return within(range(1, len(records) + 1), "checkpoint-differs", "not-signed")


@kind(KEY, CHECKPOINT, BOTH)
def the_same_signed_by_a_stranger(database, rng):
    records = bodies(database)
    seq = rng.randint(1, len(records))
    records[seq - 1] = changed(records[seq - 1], engine="9.9.9")
    rewrite(database, records, STRANGER)
    return within(range(1, len(records) + 1), "checkpoint-differs", "bad-signature")


@kind(KEY, CHECKPOINT, BOTH)
def a_record_deleted_and_everything_computed_again(database, rng):
    records = bodies(database)
    at = rng.choice(idle(records))
    rewrite(database, [renumbered(body, seq) for seq, body in enumerate([*records[: at - 1], *records[at:]], 1)])
    return within(range(1, len(records) + 1))


@kind(KEY, CHECKPOINT, BOTH)
def a_record_added_and_everything_computed_again(database, rng):
    records = bodies(database)
    at = rng.choice([seq for seq in idle(records) if seq < len(records)])
    more = [*records[:at], records[at - 1], *records[at:]]
    rewrite(database, [renumbered(body, seq) for seq, body in enumerate(more, 1)])
    return within(range(1, len(more) + 1))


@kind(KEY, BOTH)
def a_record_added_at_the_end_and_everything_computed_again(database, rng):
    """An earlier checkpoint says nothing of what came later."""
    records = bodies(database)
    added = renumbered(rng.choice([body for body in records if not said_by(body).account]), len(records) + 1)
    rewrite(database, [*records, added])
    return within(range(1, len(records) + 2), "not-signed")


@kind(KEY, CHECKPOINT, BOTH)
def the_records_swapped_and_everything_computed_again(database, rng):
    records = bodies(database)
    at = rng.choice([seq for seq in idle(records) if seq + 1 in idle(records)])
    records[at - 1], records[at] = renumbered(records[at], at), renumbered(records[at - 1], at + 1)
    rewrite(database, records)
    return within(range(1, len(records) + 1))


@kind()
def a_record_that_others_build_on_edited_and_everything_computed_again(database, rng):
    """The next record of its account was given another memory than this one now leaves."""
    records = bodies(database)
    seq = rng.choice([one for one in advanced(database) if later(database, one)])
    fields = json.loads(records[seq - 1])
    records[seq - 1] = changed(records[seq - 1], next_memory={**fields["next_memory"], "more": 1})
    rewrite(database, records)
    return within(range(1, len(records) + 1))


def advanced(database: sqlite3.Connection) -> list[int]:
    return [seq for (seq,) in database.execute("SELECT seq FROM advances")]


def later(database: sqlite3.Connection, seq: int) -> bool:
    """Whether a later record of the same version advanced the same memory."""
    return bool(
        database.execute(
            "SELECT 1 FROM advances AS one JOIN advances AS two USING (account, policy)"
            " JOIN records AS a ON a.seq = one.seq JOIN records AS b ON b.seq = two.seq"
            " JOIN kinds AS c ON c.id = a.kind JOIN kinds AS d ON d.id = b.kind"
            " WHERE one.seq = ? AND two.seq > one.seq AND c.digest = d.digest",
            (seq,),
        ).fetchone()
    )


@kind(KEY, CHECKPOINT, BOTH)
def a_record_edited_and_computed_again_under_the_old_signature(database, rng):
    """Everything agrees but the head's checkpoint, which is still the one that the key signed."""
    (note,) = database.execute("SELECT note FROM log").fetchone()
    records = bodies(database)
    seq = rng.randint(1, len(records))
    records[seq - 1] = changed(records[seq - 1], engine="9.9.9")
    rewrite(database, records)
    if "\n\n" in note:
        database.execute("UPDATE log SET note = ?", (note,))
    return within(range(1, len(records) + 1))
