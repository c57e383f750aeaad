"""The search through candidates, and the proof of what it found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rulecap.audit.why.axis import Turn, nearest_turns
from rulecap.audit.why.candidates import Candidate, Meter, WorkDone
from rulecap.audit.why.changes import Change, Counts
from rulecap.audit.why.question import Question, reason_of
from rulecap.engine.decision import Decision

Test = Callable[[Decision | None], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """A change that was found: a turn on an axis, or a choice."""

    candidate: Candidate
    turn: Turn | None
    choice: object = None

    @property
    def distance(self) -> float | None:
        """How far the change goes, none where nothing measures it."""
        return None if self.turn is None else self.candidate.distance(self.turn.turns)

    @property
    def after(self) -> object:
        """The value that changes the verdict."""
        return self.choice if self.turn is None else self.candidate.value_at(self.turn.short)


@dataclass(frozen=True, slots=True)
class Search:
    """What a search brought: changes, the nearest first; how many candidates of each sort; how many evaluations."""

    found: tuple[Found, ...] = ()
    counts: Counts = field(default_factory=Counts)
    evaluations: int = 0


def search(question: Question, candidates: Iterable[Candidate], meter: Meter) -> Search:
    """Return the changes found among candidates; where the work is used up, the rest are counted as untried."""
    found: list[Found] = []
    changing = unchanging = untried = 0
    for candidate in candidates:
        try:
            turned = _turned(question, candidate)
        except WorkDone:
            untried += 1
            continue
        found += turned
        changing, unchanging = changing + bool(turned), unchanging + (not turned)
    ordered = sorted(found, key=lambda one: (one.distance is None, one.distance or 0.0))
    return Search(tuple(ordered), Counts(changing, unchanging, untried), meter.evaluations)


def _turned(question: Question, candidate: Candidate) -> list[Found]:
    """Return the changes of one candidate that change the verdict; else those that let it be computed at all."""
    for test in (question.changes, question.answers):
        found = list(_found(question, candidate, test))
        if found or question.answer.ok:
            return found
    return []


def _found(question: Question, candidate: Candidate, test: Test) -> Iterator[Found]:
    """Yield the nearest turns of a number; of other values the first choice for each verdict it brings about."""
    if candidate.axis is not None:
        turns = nearest_turns(
            candidate.axis, candidate.start, lambda position: test(candidate.at(candidate.value_at(position)))
        )
        yield from (Found(candidate, turn) for turn in turns)
        return
    seen: list[object] = []
    for choice in candidate.choices:
        decided = candidate.at(choice)
        if decided is not None and test(decided) and (verdict := question.wanted(decided)) not in seen:
            seen.append(verdict)
            yield Found(candidate, None, choice)


def verified(question: Question, searched: Search, most: int, meter: Meter) -> tuple[list[Change], Search]:
    """Return the nearest changes that the really changed snapshot, memory or policy bears out, and the counts then."""
    changes: list[Change] = []
    unverified = untried = 0
    for found in searched.found:
        if len(changes) == most:
            break
        try:
            change = _proved(question, found)
        except WorkDone:
            untried += 1
            continue
        changes += [change] if change is not None else []
        unverified += change is None
    counts = replace(searched.counts, untried=searched.counts.untried + untried, unverified=unverified)
    return changes, replace(searched, counts=counts, evaluations=searched.evaluations + meter.evaluations)


def _proved(question: Question, found: Found) -> Change | None:
    """Return a change, evaluated at every value that it names; none where one of them comes out otherwise."""
    one, turn = found.candidate, found.turn
    after = one.really(found.after)
    test = question.changes if question.changes(after) else question.answers
    if after is None or not test(after):
        return None
    if turn is not None:
        turns = after if turn.turns == turn.short else one.really(one.value_at(turn.turns))
        stays = question.answer if turn.stays == one.start else one.really(one.value_at(turn.stays))
        if not test(turns) or test(stays):
            return None
    return _change(question, found, after)


def _change(question: Question, found: Found, after: Decision) -> Change:
    one, turn = found.candidate, found.turn
    verdict = question.wanted(after)
    return Change(
        kind=one.kind,
        where=one.where,
        place=one.place,
        unit=one.unit,
        before=one.value,
        after=found.after,
        turns=one.value_at(turn.turns) if turn is not None else None,
        stays=one.value_at(turn.stays) if turn is not None else None,
        written=one.written(turn.short) if turn is not None and one.written is not None else None,
        distance=found.distance,
        verdict_before=question.verdict,
        verdict_after=verdict,
        reason_after=reason_of(after, verdict),
    )
