"""`rulecap diff`: what another policy says differently, and what it would have decided differently."""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.common import progress
from rulecap.cli.audit.selected import add_selection, reviewing, selection_of
from rulecap.cli.here import file_from_here
from rulecap.cli.usage import FINE, NOT_FINE, UsageError, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit.log import Log
    from rulecap.cli.terminal import Style
    from rulecap.engine.compare import Answers
    from rulecap.engine.policy import Policy
    from rulecap.policy.differences import Difference

MOST_SHOWN = 40


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = (
        "Say what policy NEW says differently from OLD, and which decisions come out otherwise: on snapshots, and with "
        "--on-record on what the log has, each from the memory that it was given."
    )
    parser = commands.add_parser("diff", help="compare two policies", description=text, allow_abbrev=False)
    parser.add_argument("before", metavar="OLD", help="folder, overlay file or shipped name")
    parser.add_argument("after", metavar="NEW", help="the same")
    parser.add_argument("snapshots", metavar="SNAPSHOT", nargs="*", help="snapshots as JSON files, decided by both")
    parser.add_argument("--on-record", action="store_true", help="decide anew what is on record; the rest chooses what")
    add_selection(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the differences; not fine where a snapshot is none that any decision could be made on."""
    from rulecap.cli.terminal import Style, print_json
    from rulecap.policy.differences import differences

    policies = _loaded(asked, asked.before), _loaded(asked, asked.after)
    said = differences(policies[0].document, policies[1].document)
    decided = [(name, _on(policies, name, asked.decision)) for name in asked.snapshots]
    recorded = _recorded(asked, policies) if asked.on_record else None
    hopeless = any(found and all(map(_undecided, found)) for _, found in decided)
    if asked.json:
        about = [{"name": one.name, "version": one.version, "digest": one.digest} for one in policies]
        print_json(
            {
                "before": about[0],
                "after": about[1],
                "values": [one.to_dict() for one in said],
                "decisions": [{"snapshot": name, **_answer(one)} for name, found in decided for one in found],
                "recorded": recorded.to_dict() if recorded else None,
            }
        )
        return NOT_FINE if hopeless else FINE
    style = Style.of_output()
    sections = [[*_values(policies, said, (asked.before, asked.after), style)]]
    sections += [[*_decided(name, found, style)] for name, found in decided]
    sections += [[*recorded.lines(style)]] if recorded else []
    print("\n\n".join("\n".join(lines) for lines in sections))
    return NOT_FINE if hopeless else FINE


def _loaded(asked: argparse.Namespace, where: str) -> "Policy":
    from rulecap.engine.policy import load_policy

    asked.policy = where  # whose problems are told where it has any
    return load_policy(where)


def _values(
    policies: "tuple[Policy, Policy]", said: "list[Difference]", where: tuple[str, str], style: "Style"
) -> Iterator[str]:
    from rulecap.problems import on_a_line

    before, after = (f"{one.name} {one.version}" for one in policies)
    same = "the same but for names and explaining texts" if policies[0].digest != policies[1].digest else "the same"
    count = f"{how_many(len(said), 'value')} differ{'s' * (len(said) == 1)}" if said else same
    yield style.strong(f"{before} and {after}: {count}")
    for one in said:
        at, policy = (one.is_at, where[1]) if one.is_at else (one.was_at, where[0])
        file, _, line = str(at).rpartition(":")
        yield on_a_line(f"  {one.path}: {one.said}  [{file_from_here(file, policy)}:{line}]")


def _on(policies: "tuple[Policy, Policy]", name: str, chosen: list[str]) -> "list[Answers]":
    """Return what both answer to each of the decisions that both have, or to those that are asked for."""
    from rulecap.engine.compare import compare
    from rulecap.problems import did_you_mean

    shared = [one for one in policies[0].decisions if one in policies[1].decisions]
    for one in chosen:
        if one not in shared:
            raise UsageError(f"the policies have no decision {one} in common: {did_you_mean(one, shared)}")
    try:
        snapshot = Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    return [compare(*policies, snapshot, one) for one in chosen or shared]


def _decided(name: str, found: "list[Answers]", style: "Style") -> Iterator[str]:
    different = [one for one in found if one.differ]
    yield style.strong(f"{name}: {_otherwise(len(different), len(found))}")
    neither = [one for one in found if _undecided(one)]
    if neither:
        yield style.bad(f"{len(neither)} can be decided by neither policy")
        told = dict.fromkeys(problem for one in neither for problem in one.after.problems)
        yield from (f"  {problem}" for problem in list(told)[:MOST_SHOWN])
    for one in different:
        yield f"  {one.before.decision}"
        yield from (f"    {output}: {_change(was, new)}" for output, (was, new) in one.changed.items())
        yield from (f"    {problem}" for problem in one.after.problems if problem not in one.before.problems)


def _undecided(one: "Answers") -> bool:
    return not one.before.ok and not one.after.ok


def _change(was: Any, new: Any) -> str:
    texts = [_shown(value) for value in (was, new)]
    return " → ".join(texts) if texts[0] != texts[1] else f"{texts[0]}, with other values"


def _shown(value: Any) -> str:
    from rulecap.cli.outline import value_text

    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return f"{len(value)} of them"
    return value_text(value) or "nothing"


def _answer(one: "Answers") -> dict[str, Any]:
    changed = {name: {"before": was, "after": new} for name, (was, new) in one.changed.items()}
    return {"decision": one.before.decision, "ok": [one.before.ok, one.after.ok], "changed": changed}


class Recorded:
    """What comes out otherwise of what is on record, counted.

    Attributes:
        decided: how many records were decided anew.
        skipped: how many ask what one of the policies does not answer.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.decided, self.skipped, self.different = 0, 0, 0
        self._verdicts: Counter[tuple[str, str, str]] = Counter()
        self._outputs: Counter[tuple[str, str]] = Counter()
        self._latest: dict[tuple[str, ...], int] = {}

    def add(self, seq: int, one: "Answers") -> None:
        """Count a record's answers."""
        self.decided += 1
        self.different += one.differ
        decision = one.before.decision
        was, new = (verdict or "none" for verdict in one.verdicts)
        if was != new:
            self._verdicts[decision, was, new] += 1
            self._latest[decision, was, new] = seq
        for output in one.changed:
            self._outputs[decision, output] += 1
            self._latest[decision, output] = seq

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types, the most frequent first; `record` is the latest of them."""
        return {
            "decided": self.decided,
            "skipped": self.skipped,
            "different": self.different,
            "verdicts": [
                {"decision": key[0], "before": key[1], "after": key[2], "records": count, "record": self._latest[key]}
                for key, count in self._verdicts.most_common()
            ],
            "outputs": [
                {"decision": key[0], "output": key[1], "records": count, "record": self._latest[key]}
                for key, count in self._outputs.most_common()
            ],
        }

    def lines(self, style: "Style") -> Iterator[str]:
        """Yield the counts as text."""
        from rulecap.cli.outline import table

        told = self.to_dict()
        yield style.strong(f"On record: {_otherwise(self.different, self.decided)}")
        if self.skipped:
            yield f"{self.skipped:,} more ask what one of the policies does not answer"
        for what in ("verdicts", "outputs"):
            if told[what]:
                yield ""
                yield from table(told[what][:MOST_SHOWN])
                yield from [f"and {len(told[what]) - MOST_SHOWN} more: --json"] * (len(told[what]) > MOST_SHOWN)


def _recorded(asked: argparse.Namespace, policies: "tuple[Policy, Policy]") -> Recorded:
    with reviewing(asked.log) as log:
        return _compared(asked, log, policies)


def _compared(asked: argparse.Namespace, log: "Log", policies: "tuple[Policy, Policy]") -> Recorded:
    from rulecap.audit.asked import recorded_input
    from rulecap.audit.log import parsed_memory
    from rulecap.audit.review.finding import found, way_of
    from rulecap.engine.compare import compare

    counted = Recorded()
    way = way_of(log, selection_of(asked, log), newest_first=False)
    for one in found(log, way, None, progress("comparing")):
        if not one.record.decides:
            continue
        fields = one.record.fields
        decision = fields["decision"]
        if decision not in policies[0].decisions or decision not in policies[1].decisions:
            counted.skipped += 1
            continue
        given = recorded_input(fields["snapshot"])
        counted.add(one.record.seq, compare(*policies, given, decision, parsed_memory(fields["memory"])))
    return counted


def _otherwise(different: int, decided: int) -> str:
    return f"{different:,} of {how_many(decided, 'decision')} come{'s' * (different == 1)} out otherwise"
