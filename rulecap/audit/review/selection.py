"""Which records a review is about: by time, account, decision, verdict and policy, which the log's columns tell.

And by who asked, which the records tell alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rulecap.audit.database import blob
from rulecap.audit.log import Kind, Log
from rulecap.audit.record import Record
from rulecap.audit.review.moments import EVER, Span
from rulecap.problems import did_you_mean, shown

Kinds = Mapping[int, Kind]
SHORTEST_DIGEST = 6
NONE = "none"  # how people ask for a verdict or an account that is not there


class Unselectable(Exception):
    """What was asked for is not in the log, or cannot be asked for like this; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What records are looked for by; of several values of one column any fits, and no value leaves it open.

    Attributes:
        accounts: names of accounts; empty text for records without one.
        decisions: which decisions were asked for.
        verdicts: verdicts; empty text for records without one.
        policies: names, `name@version`, or beginnings of digests.
        span: from when to when they were written.
        callers: who asked; empty text or `none` for records in which nobody is named.
    """

    accounts: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    span: Span = EVER
    callers: tuple[str, ...] = ()


@contextmanager
def looking(log: Log) -> Iterator[None]:
    """See the log as it is at this moment, whatever is written meanwhile."""
    log.database.look()
    try:
        yield
    finally:
        log.database.rollback()


def meant(log: Log, selection: Selection) -> Selection:
    """Return the selection that is meant by what a person wrote: `none` is no account or verdict, if none is named so.

    Raises:
        LogError: the log cannot be read.
    """
    kinds = log.kinds().values()
    accounts, verdicts = {kind.account for kind in kinds}, {kind.verdict for kind in kinds}
    return replace(
        selection,
        accounts=tuple(_meant(name, accounts) for name in selection.accounts),
        verdicts=tuple(_meant(name, verdicts) for name in selection.verdicts),
    )


def _meant(name: str, known: set[str]) -> str:
    return "" if name == NONE and NONE not in known else name


def kinds_of(log: Log, selection: Selection) -> Kinds:
    """Return what the selected records are about, by the number in their rows; times are left out of account.

    Raises:
        Unselectable: a value that no record of the log has.
        LogError: the log cannot be read.
    """
    everything = found = log.kinds()
    columns: tuple[tuple[str, tuple[str, ...], Callable[[Kind], str]], ...] = (
        ("account", selection.accounts, lambda kind: kind.account),
        ("decision", selection.decisions, lambda kind: kind.decision),
        ("verdict", selection.verdicts, lambda kind: kind.verdict),
    )
    for word, wanted, value_of in columns:
        if wanted:
            names = _names(word, wanted, {value_of(kind) for kind in everything.values()})
            found = {number: kind for number, kind in found.items() if value_of(kind) in names}
    if selection.policies:
        digests = _digests(log, selection.policies, everything)
        found = {number: kind for number, kind in found.items() if kind.digest in digests}
    return found


def _names(word: str, wanted: Iterable[str], known: set[str]) -> set[str]:
    chosen = set()
    for name in wanted:
        if name not in known:
            raise Unselectable(_unknown(word, name, known))
        chosen.add(name)
    return chosen


def _unknown(word: str, name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, (one or NONE for one in known))
    return f"no record of this log has the {word} {shown(name) or NONE}: {hint}".removesuffix(": ")


def _digests(log: Log, wanted: Iterable[str], kinds: Kinds) -> set[str]:
    """Return the digests of policies that are named by name, by name and version, or by a digest's beginning."""
    by_digest = {kind.digest: kind for kind in kinds.values()}
    chosen: set[str] = set()
    for text in wanted:
        name, _, version = text.partition("@")
        named = {digest for digest, kind in by_digest.items() if kind.policy == name}
        if version:
            versions = {digest: version_of(log, by_digest[digest]) for digest in named}
            found = {digest for digest, one in versions.items() if one == version}
            known: set[str] = {f"{name}@{one}" for one in versions.values()}
        elif named:
            found, known = named, set()
        else:
            found = {one for one in by_digest if len(text) >= SHORTEST_DIGEST and one.startswith(text.lower())}
            known = set()
        if not found:
            raise Unselectable(_unknown("policy", text, known or {kind.policy for kind in by_digest.values()}))
        chosen |= found
    return chosen


def version_of(log: Log, kind: Kind) -> str:
    """Return the version of a kind's policy, as one of its records says; empty where there is no such record."""
    rows = log.database.run("SELECT seq, body FROM records WHERE kind = ? ORDER BY time, seq LIMIT 1", (kind.id,))
    return str(Record(rows[0][0], blob(rows[0][1])).fields["policy"]["version"]) if rows else ""
