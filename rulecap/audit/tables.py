"""The log's tables, the same in every database; only three words for types differ."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

FORMAT = 1
# On a server the tables are in a schema of this name, and whoever makes them holds the advisory lock of this number.
SCHEMA = "rulecap"
WRITERS = 0x72756C65636170

# `records.kind` points to what a record is about, so that one narrow index finds any combination of account, decision,
# verdict and policy in the order of time. What the columns say is in the body too, and `verify` compares.
TABLES = (
    """CREATE TABLE IF NOT EXISTS log (
        one {integer} PRIMARY KEY CHECK (one = 1), format {integer} NOT NULL, id {text} NOT NULL,
        size {integer} NOT NULL, root {bytes} NOT NULL, note {text} NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS records (
        seq {integer} PRIMARY KEY, time {integer} NOT NULL, kind {integer} NOT NULL, body {bytes} NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, time, seq)",
    """CREATE TABLE IF NOT EXISTS kinds (
        id {integer} PRIMARY KEY, account {text} NOT NULL, decision {text} NOT NULL, verdict {text} NOT NULL,
        policy {text} NOT NULL, digest {text} NOT NULL, UNIQUE (account, decision, verdict, policy, digest))""",
    "CREATE TABLE IF NOT EXISTS nodes (position {integer} PRIMARY KEY, hash {bytes} NOT NULL)",
    """CREATE TABLE IF NOT EXISTS policies (
        digest {text} NOT NULL, name {text} NOT NULL, content {bytes} NOT NULL, PRIMARY KEY (digest, name))""",
    """CREATE TABLE IF NOT EXISTS advances (
        account {text} NOT NULL, policy {text} NOT NULL, as_of {integer} NOT NULL, seq {integer} NOT NULL,
        PRIMARY KEY (account, policy, as_of))""",
    """CREATE TABLE IF NOT EXISTS requests (
        account {text} NOT NULL, decision {text} NOT NULL, name {text} NOT NULL, seq {integer} NOT NULL,
        PRIMARY KEY (account, decision, name))""",
    "CREATE TABLE IF NOT EXISTS checkpoints (size {integer} NOT NULL, note {text} NOT NULL)",
)


class Into(NamedTuple):
    """How rows are written into a table: its name, the marks for a row, what is done where a row is there already."""

    table: str
    row: str
    otherwise: str = ""


RECORDS, NODES = Into("records", "(?, ?, ?, ?)"), Into("nodes", "(?, ?)")
KINDS, ADVANCES = Into("kinds", "(?, ?, ?, ?, ?, ?)"), Into("advances", "(?, ?, ?, ?)")
CHECKPOINTS, POLICIES = Into("checkpoints", "(?, ?)"), Into("policies", "(?, ?, ?)", "ON CONFLICT DO NOTHING")
KEYED = "ON CONFLICT (account, decision, name) DO UPDATE SET seq = excluded.seq"
REQUESTS = Into("requests", "(?, ?, ?, ?)", KEYED)
Batch = Mapping[Into, Sequence[Sequence[object]]]
"""Rows that are written together."""


@cache
def insertion(into: Into) -> str:
    """Return the statement that writes one row."""
    return f"INSERT INTO {into.table} VALUES {into.row} {into.otherwise}"


def definitions(integer: str, blob: str, text: str) -> list[str]:
    """Return the statements that make the tables, in a database's words for whole numbers, bytes and texts."""
    return [statement.format(integer=integer, bytes=blob, text=text) for statement in TABLES]


def names() -> set[str]:
    """Return the tables' names."""
    return {_named(statement)[1] for statement in TABLES if statement.startswith("CREATE TABLE")}


def differing(found: Iterable[tuple[str, str, str, str]], words: tuple[str, str, str]) -> Iterator[str]:
    """Yield how a database's definitions differ from the log's.

    Args:
        found: of everything in it: what it is (table, index, view, trigger), its name, its table, its definition.
        words: the database's words for types.
    """
    expected = {_named(one): _plain(one) for one in definitions(*words)}
    there = {(kind, name): (table, _plain(text)) for kind, name, table, text in found}
    for (kind, name), text in expected.items():
        if (kind, name) not in there:
            yield f"the {kind} {name} is not there"
        elif there[kind, name][1] != text:
            yield f"the {kind} {name} is defined otherwise than rulecap does"
    for (kind, name), (table, _) in there.items():
        if kind == "trigger" and table in names():
            yield f"the trigger {name} on {table} is not rulecap's: it may change what is written"


def _named(statement: str) -> tuple[str, str]:
    kind, name = re.findall("^CREATE ([A-Z]+) IF NOT EXISTS ([a-z_]+)", statement)[0]
    return kind.lower(), name


def _plain(statement: str) -> str:
    """Return a definition as databases keep it, without what means nothing."""
    return re.sub(r"\s+", " ", statement.replace(" IF NOT EXISTS", "", 1)).replace('"', "")
