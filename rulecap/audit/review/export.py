"""Export: records as JSON lines, CSV or Parquet, streamed; flat columns for the last two."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from rulecap.audit.batches import batches
from rulecap.audit.log import Log, Stored
from rulecap.audit.review.damage import named
from rulecap.audit.review.selection import Kinds
from rulecap.language import types as t
from rulecap.policy.typed import OutputTerms

FIXED = (
    "seq", "id", "time", "account", "decision", "answered_by", "verdict", "ok",
    "policy.name", "policy.version", "policy.digest", "engine", "asked_by", "as_of", "problems",
)  # fmt: skip
PREFIX, NOTHING = "outputs.", "nothing"
ROWS = 1000
# Where a spreadsheet would begin a formula: at the start of a cell, which is also behind whatever the country of the
# reader separates cells by. Some take the wide signs of Japanese keyboards too.
RUN_BY_SPREADSHEETS = re.compile('(^|[;\t\r\n])(?="*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])')


def columns(log: Log, kinds: Kinds) -> dict[str, str]:
    """Return the columns of an export and what each holds: `text`, `number` or `flag`.

    They are the same however many records there are: the fixed ones, then every output without parts of every decision
    of every selected policy, by its dotted name.

    Raises:
        LogError: the log lacks a policy.
    """
    found = dict.fromkeys(FIXED, "text") | {"seq": "number", "ok": "flag"}
    for digest in sorted({kind.digest for kind in kinds.values() if kind.digest}):
        policy = log.policy(digest).typed
        asked = {kind.decision for kind in kinds.values() if kind.digest == digest}
        answering = {
            target for name in asked & policy.decisions.keys() for _, target in policy.decisions[name].hand_over
        }
        for name in sorted((asked | answering) & policy.decisions.keys()):
            for column, what in _outputs(PREFIX, policy.decisions[name].outputs):
                found[column] = _both(found.get(column, NOTHING), what)
    return {name: what if what != NOTHING else "text" for name, what in found.items()}


def _both(one: str, other: str) -> str:
    """Return what a column holds in which two decisions have an output; one that only ever says none fits any."""
    if NOTHING in (one, other):
        return other if one == NOTHING else one
    return one if one == other else "text"


def _outputs(prefix: str, outputs: OutputTerms) -> Iterator[tuple[str, str]]:
    for name, part in outputs.items():
        if isinstance(part, dict):
            yield from _outputs(f"{prefix}{name}.", part)
            continue
        yield prefix + name, _holds(t.strip(part[1].type))


def _holds(kind: t.Type) -> str:
    if isinstance(kind, t.Number):
        return "number"
    if kind == t.NOTHING:
        return NOTHING
    return "flag" if kind == t.FLAG else "text"


def flat(stored: Stored) -> dict[str, Any]:
    """Return a record's values by the columns' names, and more; lists and records among the outputs as JSON text.

    Raises:
        LogError: its body is no record.
    """
    with named(stored.record.seq):
        fields = stored.record.fields
        policy, snapshot = fields["policy"], fields["snapshot"]
        row: dict[str, Any] = {name: fields.get(name) for name in FIXED if "." not in name}
        row |= {f"policy.{name}": policy[name] for name in ("name", "version", "digest")}
        row["as_of"] = snapshot.get("as_of") if isinstance(snapshot, dict) else None
        row["problems"] = " ".join(dict.fromkeys(problem["code"] for problem in fields["problems"]))
        row |= _flat_outputs(PREFIX, fields["outputs"])
        return row


def _flat_outputs(prefix: str, outputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in outputs.items():
        if isinstance(value, dict):  # a group of outputs, or one that is a record: the columns say which
            yield from _flat_outputs(f"{prefix}{name}.", value)
        structured = isinstance(value, list | dict)
        yield prefix + name, json.dumps(value, ensure_ascii=False) if structured else value


def harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: what begins like a formula in a text gets an apostrophe in front.

    What is true or false is written as in JSON.
    """
    if isinstance(value, bool):
        return str(value).lower()
    return RUN_BY_SPREADSHEETS.sub(r"\1'", value) if isinstance(value, str) else value


def write_jsonl(file: IO[bytes], records: Iterable[Stored]) -> None:
    """Write the exact bodies, one a line."""
    for stored in records:
        file.write(stored.record.body + b"\n")


def write_csv(file: IO[str], records: Iterable[Stored], named: Mapping[str, str]) -> None:
    """Write a head and a line for each record."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(harmless, named))
    for stored in records:
        row = flat(stored)
        writer.writerow([harmless(row.get(name)) for name in named])


def write_parquet(file: IO[bytes], records: Iterable[Stored], named: Mapping[str, str]) -> None:
    """Write row groups of a thousand records, so that any number of records takes the same memory.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"text": pa.string(), "number": pa.float64(), "flag": pa.bool_()}
    schema = pa.schema([(name, pa.int64() if name == "seq" else kinds[what]) for name, what in named.items()])
    with pq.ParquetWriter(file, schema) as writer:
        for rows in batches(map(flat, records), ROWS):
            arrays = [[_typed(row.get(field.name), named[field.name]) for row in rows] for field in schema]
            writer.write_table(pa.table(dict(zip(schema.names, arrays, strict=True)), schema=schema))


def _typed(value: Any, what: str) -> Any:
    if value is None or what != "text" or isinstance(value, str):
        return value
    return json.dumps(value)
