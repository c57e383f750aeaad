"""What comes of decisions that are computed again, as the command line shows it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rulecap.audit import Log, LogError
from rulecap.audit.record import Record
from rulecap.audit.replay import replayed
from rulecap.audit.review.damage import UNREADABLE
from rulecap.cli.terminal import Style
from rulecap.engine.policy import Policy
from rulecap.plural import how_many
from rulecap.problems import cut, on_a_line
from rulecap.version import __version__

MOST_SHOWN = 100


@dataclass(slots=True)
class Replay:
    """What came of the records that were computed again.

    Attributes:
        replayed: how many there are.
        differ: how many of them come out otherwise.
        differences: the first of these, as JSON types.
        reworded: how many come out the same but for the words of what was wrong.
        engines: which versions of rulecap have recorded how many of those that agree.
        refusals: by digest, for what each policy that decided would be refused now.
    """

    replayed: int = 0
    differ: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    reworded: int = 0
    engines: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, log: Log, record: Record) -> None:
        """Compute a record again, and count what comes of it."""
        self.replayed += 1
        found = difference(log, record)
        if found is not None and found["part"] != "words":
            self.differ += 1
            self.differences += [found] if self.differ <= MOST_SHOWN else []
            return
        self.reworded += found is not None
        self.engines[record.fields["engine"]] += 1
        digest = record.fields["policy"]["digest"]
        if digest not in self.refusals:
            self.refusals[digest] = _refusal(log.policy(digest))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types, with stable keys."""
        return {
            "ok": not self.differ,
            "replayed": self.replayed,
            "differ": self.differ,
            "differences": self.differences,
            "engine": __version__,
            "engines": dict(sorted(self.engines.items())),
            "in_other_words": self.reworded,
            "refused_now": [found for found in self.refusals.values() if found["problems"]],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Yield it as text."""
        yield from (style.bad(on_a_line(found["message"])) for found in self.differences)
        if self.differ > MOST_SHOWN:
            yield f"and {self.differ - MOST_SHOWN} more"
        agrees = "every value agrees" if self.reworded else "every byte agrees"
        verdict = (
            style.good(agrees) if not self.differ else style.bad(f"{self.differ:,} differ{'s' * (self.differ == 1)}")
        )
        yield f"{how_many(self.replayed, 'decision')} replayed: {verdict}"
        if self.reworded:
            yield f"what was wrong with {self.reworded:,} of them is said in other words than it was recorded"
        yield from _others(self.engines)
        yield from map(on_a_line, _refused(self.refusals.values()))


def _others(engines: Counter[str]) -> Iterator[str]:
    """Say which other versions of rulecap have computed what agrees."""
    for engine, number in sorted(engines.items()):
        if engine != __version__:
            were = "was" if number == 1 else "were"
            yield f"{number:,} of them {were} recorded by rulecap {engine}, and computed by {__version__}"


def _refusal(policy: Policy) -> dict[str, Any]:
    """Return for what a stored policy would be refused now, as JSON types."""
    problems = [str(one) for one in policy.warnings if one.severity == "error"]
    return {"policy": policy.digest, "name": policy.name, "version": policy.version, "problems": problems}


def _refused(policies: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Say which policies have decided that would not be taken any more."""
    for found in policies:
        if found["problems"]:
            called = f"{found['name']} {found['version']} ({found['policy'][:12]})"
            yield f"the policy {called} would not be taken by rulecap {__version__}: {found['problems'][0]}"


def difference(log: Log, record: Record) -> dict[str, Any] | None:
    """Return where a record differs from what its policy gives now, as JSON types; none where it does not."""
    try:
        found = replayed(record, log.policy(record.fields["policy"]["digest"]))
    except LogError as error:
        return {"record": record.seq, "part": "policy", "step": "", "message": f"record {record.seq}: {error}"}
    except UNREADABLE as error:
        said = f"record {record.seq} is no record: {type(error).__name__}"
        return {"record": record.seq, "part": "record", "step": "", "message": said}
    if found is None:
        return None
    where = f"{found.part} {found.step}".strip()
    said = f"record {record.seq}: {where} was {_short(found.recorded)}, comes out as {_short(found.computed)}"
    return {"record": record.seq, "part": found.part, "step": found.step, "message": said}


def _short(value: object) -> str:
    return cut(repr(value), 120)
