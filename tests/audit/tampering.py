"""What somebody may do to a log who can write its database: each kind once, at random; and what an auditor must say.

A naive kind changes what it changes and leaves the rest. A thorough one makes everything agree again that can be made
to agree without the key: leaves, nodes, root, the head's note (unsigned), columns and indices.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rulecap.audit.checkpoint import Checkpoint
from rulecap.audit.merkle import Peaks, leaf_hash


@dataclass(frozen=True)
class Done:
    """What was done: the codes of which one must be found, and the record that must be named, if it is about one."""

    codes: frozenset[str]
    seq: int | None = None


Act = Callable[[sqlite3.Connection, Random], Done]


def done(*codes: str, seq: int | None = None) -> Done:
    return Done(frozenset(codes), seq)


def size_of(log: sqlite3.Connection) -> int:
    return log.execute("SELECT size FROM log").fetchone()[0]


def some(log: sqlite3.Connection, rng: Random) -> int:
    return rng.randint(1, size_of(log))


def body_of(log: sqlite3.Connection, seq: int) -> bytes:
    return log.execute("SELECT body FROM records WHERE seq = ?", (seq,)).fetchone()[0]


def put(log: sqlite3.Connection, seq: int, body: object) -> None:
    log.execute("UPDATE records SET body = ? WHERE seq = ?", (body, seq))


# Naive kinds.


def a_byte_of_a_body(log, rng):
    seq = some(log, rng)
    body = bytearray(body_of(log, seq))
    body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    put(log, seq, bytes(body))
    return done("record-altered", "record-moved", seq=seq)


def a_number_in_a_body(log, rng):
    seq = some(log, rng)
    fields = json.loads(body_of(log, seq))
    fields["outputs"]["extra"] = rng.random()
    put(log, seq, json.dumps(fields, separators=(",", ":")).encode())
    return done("record-altered", seq=seq)


def a_body_spelled_otherwise(log, rng):
    seq = some(log, rng)
    put(log, seq, json.dumps(json.loads(body_of(log, seq)), indent=1).encode())
    return done("record-altered", seq=seq)


def a_body_of_another_type(log, rng):
    seq = some(log, rng)
    put(
        log,
        seq,
        rng.choice([body_of(log, seq).decode(), 5, "", b"", 1.5, b"null", b"[]", b"{}", b"[" * 100_000, b"NaN"]),
    )
    return done("record-altered", seq=seq)


def a_time_beside_a_body(log, rng):
    seq = some(log, rng)
    log.execute("UPDATE records SET time = ? WHERE seq = ?", (rng.choice([0, -1, "never", 2**62]), seq))
    return done("columns-differ", seq=seq)


def what_a_record_is_about(log, rng):
    seq = some(log, rng)
    kind = log.execute("SELECT kind FROM records WHERE seq = ?", (seq,)).fetchone()[0]
    others = [other for (other,) in log.execute("SELECT id FROM kinds WHERE id != ?", (kind,))]
    log.execute("UPDATE records SET kind = ? WHERE seq = ?", (rng.choice([*others, 10**6, "x"]), seq))
    return done("columns-differ", seq=seq)


def the_meaning_of_a_kind(log, rng):
    seq = some(log, rng)
    column = rng.choice(["account", "decision", "verdict", "policy", "digest"])
    log.execute(f"UPDATE kinds SET {column} = 'other' WHERE id = (SELECT kind FROM records WHERE seq = ?)", (seq,))
    first = log.execute(
        "SELECT MIN(seq) FROM records WHERE kind = (SELECT kind FROM records WHERE seq = ?)", (seq,)
    ).fetchone()[0]
    return done("columns-differ", seq=first)


def a_record_more_at_the_end(log, rng):
    size = size_of(log)
    log.execute("INSERT INTO records SELECT ?, time, kind, body FROM records WHERE seq = ?", (size + 1, some(log, rng)))
    return done("record-inserted", seq=size + 1)


def a_record_before_the_first(log, rng):
    seq = rng.choice([0, -1, -(2**40)])
    log.execute("INSERT INTO records SELECT ?, time, kind, body FROM records WHERE seq = ?", (seq, some(log, rng)))
    return done("record-inserted", seq=seq)


def one_record_less(log, rng):
    seq = some(log, rng)
    log.execute("DELETE FROM records WHERE seq = ?", (seq,))
    return done("record-missing", seq=seq)


def some_records_less(log, rng):
    start = rng.randint(1, size_of(log) - 3)
    log.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", (start, start + rng.randint(1, 3)))
    return done("record-missing", seq=start)


def the_last_records_less(log, rng):
    start = rng.randint(2, size_of(log))
    log.execute("DELETE FROM records WHERE seq >= ?", (start,))
    return done("record-missing", seq=start)


def two_records_swapped(log, rng):
    one, other = sorted(rng.sample(range(1, size_of(log) + 1), 2))
    first, second = body_of(log, one), body_of(log, other)
    put(log, one, second)
    put(log, other, first)
    return done("record-moved", seq=one)


def a_record_twice(log, rng):
    one, other = rng.sample(range(1, size_of(log) + 1), 2)
    put(log, other, body_of(log, one))
    return done("record-moved", seq=other)


def records_moved_up(log, rng):
    start = rng.randint(1, size_of(log) - 1)
    log.execute("DELETE FROM records WHERE seq = ?", (start,))
    for (seq,) in log.execute("SELECT seq FROM records WHERE seq > ? ORDER BY seq", (start,)).fetchall():
        log.execute("UPDATE records SET seq = ? WHERE seq = ?", (seq - 1, seq))
    return done("record-moved", seq=start)


def a_node(log, rng):
    count = log.execute("SELECT COUNT(*) FROM nodes").fetchone()[0]
    value = rng.choice([rng.randbytes(32), b"", "text", b"short"])
    log.execute("UPDATE nodes SET hash = ? WHERE position = ?", (value, rng.randrange(count)))
    return done("node-altered")


def a_node_less(log, rng):
    count = log.execute("SELECT COUNT(*) FROM nodes").fetchone()[0]
    log.execute("DELETE FROM nodes WHERE position = ?", (rng.randrange(count),))
    return done("node-altered")


def the_head_s_size(log, rng):
    size = size_of(log)
    log.execute("UPDATE log SET size = ?", (rng.choice([size - 1, size + 1, 0, -1, 10**15, 2**62]),))
    return done("record-missing", "record-inserted", "head-differs", "log-damaged")


def the_head_s_root(log, rng):
    log.execute("UPDATE log SET root = ?", (rng.choice([rng.randbytes(32), b"", "text"]),))
    return done("head-differs", "record-altered", "log-damaged")


def the_log_s_name(log, rng):
    log.execute("UPDATE log SET id = '0123456789ab'")
    return done("head-differs", "record-moved", "bad-signature")


def the_head_s_note(log, rng):
    note = log.execute("SELECT note FROM log").fetchone()[0]
    place = rng.randrange(len(note.partition("\n\n")[0]))
    log.execute("UPDATE log SET note = ?", (note[:place] + chr((ord(note[place]) ^ 1) or 65) + note[place + 1 :],))
    return done("head-differs", "bad-signature", "not-signed")


def a_policy_s_file(log, rng):
    log.execute("UPDATE policies SET content = content || x'0a23' WHERE rowid = (SELECT MIN(rowid) FROM policies)")
    return done("policy-altered")


def a_policy_s_file_less(log, rng):
    digest = rng.choice(log.execute("SELECT DISTINCT digest FROM policies").fetchall())[0]
    log.execute("DELETE FROM policies WHERE digest = ? AND name = 'policy.yaml'", (digest,))
    return done("policy-altered", "policy-missing")


def policies_less(log, rng):
    log.execute("DELETE FROM policies")
    return done("policy-missing")


def an_advance_less(log, rng):
    rows = log.execute("SELECT account, policy, as_of FROM advances").fetchall()
    log.execute("DELETE FROM advances WHERE account = ? AND policy = ? AND as_of = ?", rng.choice(rows))
    return done("index-differs", "memory-differs")


def an_advance_that_points_elsewhere(log, rng):
    account, policy, as_of, seq = rng.choice(log.execute("SELECT * FROM advances").fetchall())
    other = rng.choice([one for one in range(1, size_of(log) + 1) if one != seq])
    log.execute(
        "UPDATE advances SET seq = ? WHERE account = ? AND policy = ? AND as_of = ?", (other, account, policy, as_of)
    )
    return done("index-differs", "memory-differs")


def an_advance_more(log, rng):
    log.execute("INSERT INTO advances VALUES ('main', 'default', ?, ?)", (2**60 + rng.randrange(1000), some(log, rng)))
    return done("index-differs", "memory-differs")


def a_key_less(log, rng):
    rows = log.execute("SELECT account, decision, name FROM requests").fetchall()
    log.execute("DELETE FROM requests WHERE account = ? AND decision = ? AND name = ?", rng.choice(rows))
    return done("index-differs")


def a_key_that_points_to_nothing(log, rng):
    log.execute("INSERT INTO requests VALUES ('main', 'position', 'forged', ?)", (10**6,))
    return done("index-differs")


NAIVE: tuple[Act, ...] = (
    a_byte_of_a_body,
    a_number_in_a_body,
    a_body_spelled_otherwise,
    a_body_of_another_type,
    a_time_beside_a_body,
    what_a_record_is_about,
    the_meaning_of_a_kind,
    a_record_more_at_the_end,
    a_record_before_the_first,
    one_record_less,
    some_records_less,
    the_last_records_less,
    two_records_swapped,
    a_record_twice,
    records_moved_up,
    a_node,
    a_node_less,
    the_head_s_size,
    the_head_s_root,
    the_log_s_name,
    the_head_s_note,
    a_policy_s_file,
    a_policy_s_file_less,
    policies_less,
    an_advance_less,
    an_advance_that_points_elsewhere,
    an_advance_more,
    a_key_less,
    a_key_that_points_to_nothing,
)


# Thorough kinds.


def regrow(log: sqlite3.Connection) -> None:
    """Make leaves, nodes, root and note agree with the bodies that are there."""
    peaks, nodes = Peaks(), []
    for (body,) in log.execute("SELECT body FROM records ORDER BY seq").fetchall():
        peaks, grown = peaks.append(leaf_hash(body))
        nodes += grown
    log.execute("DELETE FROM nodes")
    log.executemany("INSERT INTO nodes VALUES (?, ?)", enumerate(nodes))
    name = log.execute("SELECT id FROM log").fetchone()[0]
    note = Checkpoint(f"rulecap/{name}", peaks.size, peaks.root).to_text()
    log.execute("UPDATE log SET size = ?, root = ?, note = ?", (peaks.size, peaks.root, note))


def an_edit_that_leaves_no_trace(log, rng):
    """A reason is reworded, which no memory depends on; the tree is grown again."""
    seq = some(log, rng)
    fields = json.loads(body_of(log, seq))
    fields["outputs"]["reason"] = f"reworded {rng.random()}"
    put(log, seq, json.dumps(fields, separators=(",", ":")).encode())
    regrow(log)
    return done("checkpoint-differs", seq=seq)


def a_cut_that_leaves_no_trace(log, rng):
    """The last records go, and everything that pointed to them."""
    size = size_of(log)
    keep = size - rng.randint(1, 10)
    log.execute("DELETE FROM records WHERE seq > ?", (keep,))
    log.execute("DELETE FROM advances WHERE seq > ?", (keep,))
    log.execute("DELETE FROM requests WHERE seq > ?", (keep,))
    regrow(log)
    return done("checkpoint-ahead", seq=keep)


THOROUGH: tuple[Act, ...] = (an_edit_that_leaves_no_trace, a_cut_that_leaves_no_trace)
