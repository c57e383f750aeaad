"""The log's tables, the same in every database; only two words for types differ."""

FORMAT = 1
# On a server the tables are in a schema of this name, and whoever writes holds the advisory lock of this number.
SCHEMA = "rulecap"
WRITERS = 0x72756C65636170

# `records.kind` points to what a record is about, so that one narrow index finds any combination of account, decision,
# verdict and policy in the order of time. What the columns say is in the body too, and `verify` compares.
TABLES = (
    """CREATE TABLE IF NOT EXISTS log (
        one {integer} PRIMARY KEY CHECK (one = 1), format {integer} NOT NULL, id TEXT NOT NULL,
        size {integer} NOT NULL, root {bytes} NOT NULL, note TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS records (
        seq {integer} PRIMARY KEY, time {integer} NOT NULL, kind {integer} NOT NULL, body {bytes} NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, time, seq)",
    """CREATE TABLE IF NOT EXISTS kinds (
        id {integer} PRIMARY KEY, account TEXT NOT NULL, decision TEXT NOT NULL, verdict TEXT NOT NULL,
        policy TEXT NOT NULL, digest TEXT NOT NULL, UNIQUE (account, decision, verdict, policy, digest))""",
    "CREATE TABLE IF NOT EXISTS nodes (position {integer} PRIMARY KEY, hash {bytes} NOT NULL)",
    """CREATE TABLE IF NOT EXISTS policies (
        digest TEXT NOT NULL, name TEXT NOT NULL, content {bytes} NOT NULL, PRIMARY KEY (digest, name))""",
    """CREATE TABLE IF NOT EXISTS advances (
        account TEXT NOT NULL, policy TEXT NOT NULL, as_of {integer} NOT NULL, seq {integer} NOT NULL,
        PRIMARY KEY (account, policy, as_of))""",
    """CREATE TABLE IF NOT EXISTS requests (
        account TEXT NOT NULL, decision TEXT NOT NULL, name TEXT NOT NULL, seq {integer} NOT NULL,
        PRIMARY KEY (account, decision, name))""",
    "CREATE TABLE IF NOT EXISTS checkpoints (size {integer} NOT NULL, note TEXT NOT NULL)",
)


def definitions(integer: str, blob: str) -> list[str]:
    """Return the statements that make the tables, in a database's words for whole numbers and bytes."""
    return [statement.format(integer=integer, bytes=blob) for statement in TABLES]
