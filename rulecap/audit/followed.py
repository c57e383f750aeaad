"""Which log follows a log: kept in the one that is followed, so that no second one goes on from it unseen.

The mark is a checkpoint at the head that was followed, with the extension line `rulecap-followed-by LOG`, or
`rulecap-followed-by LOG INSTEAD` where the log INSTEAD was begun before it and is given up. It is not signed: whoever
begins a log need not have the key of the old one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rulecap.audit.checkpoint import Checkpoint, read_checkpoint
from rulecap.audit.errors import LogError
from rulecap.audit.log import Log
from rulecap.audit.note import NoteError
from rulecap.audit.witness import origin_of, text_of
from rulecap.plural import how_many

FOLLOWED = "rulecap-followed-by"
NAMED = "log-followed"


@dataclass(frozen=True, slots=True)
class Follower:
    """A log that was begun to follow another one.

    Attributes:
        log: its name in checkpoints.
        size: how many records the one that it follows had then.
        instead: the log in whose place it was begun, empty where it was the first.
    """

    log: str
    size: int
    instead: str


def mark(checkpoint: Checkpoint, follower: str, instead: str) -> str:
    """Return the note that says which log follows."""
    return replace(checkpoint, extensions=(f"{FOLLOWED} {follower} {instead}".rstrip(),)).to_text()


def in_force(checkpoints: Iterable[Checkpoint]) -> list[Follower]:
    """Return the logs that follow one by the checkpoints which it keeps, without those that were given up."""
    found = [follower for one in checkpoints for follower in _named(one)]
    given_up = {one.instead for one in found}
    return [one for one in found if one.log not in given_up]


def followers(log: Log) -> list[Follower]:
    """Return the logs that follow one, without those that were given up; what is no checkpoint `verify` finds."""
    return in_force(_read(log.checkpoints()))


def check_free(log: Log, instead: str) -> str:
    """Refuse to follow a log that another one follows, but in place of that one.

    Returns:
        The name in checkpoints of the one that is given up, empty where there is none.

    Raises:
        LogError: another log follows it, or not the one that is to be given up, or it cannot be read.
    """
    there, where = [one.log for one in followers(log)], log.database.where
    given_up = origin_of(instead) if instead else ""
    if not there and given_up:
        raise LogError(NAMED, f"no log follows {where}: there is none in whose place another could be begun")
    if there and there != [given_up]:
        raise LogError(NAMED, f"{where} is followed by {' and '.join(there)} already, and by one log only")
    return given_up


def unlike(log: Log, old: Log) -> Iterator[str]:
    """Yield how what a log says of its followers is unlike a log that is to follow it."""
    there, ours, theirs = followers(old), origin_of(log.head().id), origin_of(old.head().id)
    for one in there:
        if one.log != ours:
            records = how_many(one.size, "record")
            yield f"{theirs} says that at {records} it was followed by {one.log}, and this log is {ours}"


def told(checkpoints: Iterable[Checkpoint], size: int) -> Iterator[str]:
    """Yield what is worth knowing of a log's followers, where it has so many records."""
    for one in in_force(checkpoints):
        place = f", in place of {one.instead}" if one.instead else ""
        yield f"{one.log} follows it at {how_many(one.size, 'record')}{place}"
        if size > one.size:
            yield f"the records after those {one.size:,} are not known to {one.log}"


def _read(notes: Iterable[str]) -> Iterator[Checkpoint]:
    for note in notes:
        try:
            yield read_checkpoint(text_of(note))
        except NoteError:
            continue


def _named(checkpoint: Checkpoint) -> Iterator[Follower]:
    for line in checkpoint.extensions:
        word, *names = line.split(" ")
        if word == FOLLOWED and names:
            yield Follower(names[0], checkpoint.size, names[1] if len(names) > 1 else "")
