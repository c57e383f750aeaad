"""`rulecap audit replay`: whether recorded decisions come out the same again."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rulecap.cli.audit.common import add_log, check_decides, is_of_no_decision, progress, reading
from rulecap.cli.usage import FINE, NOT_FINE, UsageError, add_json
from rulecap.plural import how_many
from rulecap.version import __version__

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.record import Record
    from rulecap.engine.policy import Policy

MOST_SHOWN = 100


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Compute recorded decisions again, from record and stored policy alone, and compare every byte."
    parser = commands.add_parser("replay", help="compute decisions again", description=text, allow_abbrev=False)
    parser.add_argument("ids", metavar="ID", nargs="*", help="which records (default: all)")
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print each record that comes out otherwise, and where the difference begins."""
    from rulecap.cli.terminal import Style, print_json
    from rulecap.problems import on_a_line

    differing: list[dict[str, Any]] = []
    engines: Counter[str] = Counter()
    reworded = 0
    refused: dict[str, dict[str, Any]] = {}
    replayed = count = 0
    style = Style.of_output()
    with reading(asked.log) as log:
        show, total = progress("replaying"), len(asked.ids) or log.head().size
        for record in _records(log, asked.ids):
            replayed += 1
            found = difference(log, record)
            if found is None or found["part"] == "words":
                reworded += found is not None
                engines[record.fields["engine"]] += 1
                digest = record.fields["policy"]["digest"]
                if digest not in refused:
                    refused[digest] = _refusal(log.policy(digest))
            else:
                count += 1
                differing += [found] if count <= MOST_SHOWN else []
            if show:
                show(replayed, total)
    if asked.json:
        told = {"ok": not count, "replayed": replayed, "differ": count, "differences": differing}
        print_json(
            {
                **told,
                "engine": __version__,
                "engines": dict(sorted(engines.items())),
                "in_other_words": reworded,
                "refused_now": [found for found in refused.values() if found["problems"]],
            }
        )
    else:
        found_out = [style.bad(on_a_line(found["message"])) for found in differing]
        summary = _summary(replayed, count, reworded, style)
        print("\n".join([*found_out, *summary, *_others(engines), *map(on_a_line, _refused(refused.values()))]))
    return FINE if not count else NOT_FINE


def _summary(replayed: int, count: int, reworded: int, style: Any) -> Iterator[str]:
    if count > MOST_SHOWN:
        yield f"and {count - MOST_SHOWN} more"
    agrees = "every value agrees" if reworded else "every byte agrees"
    verdict = style.good(agrees) if not count else style.bad(f"{count:,} differ{'s' * (count == 1)}")
    yield f"{how_many(replayed, 'decision')} replayed: {verdict}"
    if reworded:
        yield f"what was wrong with {reworded:,} of them is said in other words than it was recorded"


def _others(engines: "Counter[str]") -> Iterator[str]:
    """Say which other versions of rulecap have computed what agrees."""
    for engine, number in sorted(engines.items()):
        if engine != __version__:
            were = "was" if number == 1 else "were"
            yield f"{number:,} of them {were} recorded by rulecap {engine}, and computed by {__version__}"


def _refusal(policy: "Policy") -> dict[str, Any]:
    """Return for what a stored policy would be refused now, as JSON types."""
    problems = [str(one) for one in policy.warnings if one.severity == "error"]
    return {"policy": policy.digest, "name": policy.name, "version": policy.version, "problems": problems}


def _refused(policies: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Say which policies have decided that would not be taken any more."""
    for found in policies:
        if found["problems"]:
            called = f"{found['name']} {found['version']} ({found['policy'][:12]})"
            yield f"the policy {called} would not be taken by rulecap {__version__}: {found['problems'][0]}"


def difference(log: "Log", record: "Record") -> dict[str, Any] | None:
    """Return where a record differs from what its policy gives now, as JSON types; none where it does not."""
    from rulecap.audit import LogError
    from rulecap.audit.replay import replayed

    try:
        found = replayed(record, log.policy(record.fields["policy"]["digest"]))
    except LogError as error:
        return {"record": record.seq, "part": "policy", "step": "", "message": f"record {record.seq}: {error}"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"record {record.seq} is no record: {type(error).__name__}"
        return {"record": record.seq, "part": "record", "step": "", "message": said}
    if found is None:
        return None
    where = f"{found.part} {found.step}".strip()
    said = f"record {record.seq}: {where} was {_short(found.recorded)}, comes out as {_short(found.computed)}"
    return {"record": record.seq, "part": found.part, "step": found.step, "message": said}


def _records(log: "Log", ids: list[str]) -> "Iterator[Record]":
    if not ids:
        log.database.look()
        yield from (stored.record for stored in log.stored() if not is_of_no_decision(stored.record))
        return
    for name in ids:
        record = log.find(name)
        if record is None:
            raise UsageError(f"there is no record {name} in this log")
        check_decides(record)
        yield record


def _short(value: object) -> str:
    from rulecap.problems import cut

    return cut(repr(value), 120)
