"""`rulecap audit explain`: how a recorded decision came about, as a person reads it."""

import argparse

from rulecap.cli.audit.common import add_log, decided, reading
from rulecap.cli.usage import FINE, NOT_FINE, add_json


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Explain a recorded decision by its stored policy: every rule with the values that it saw."
    parser = commands.add_parser("explain", help="explain a record", description=text, allow_abbrev=False)
    parser.add_argument("id", metavar="ID", help="the record's id or number")
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the decision and its trace; not fine where it comes out otherwise than it was recorded."""
    from rulecap.audit.replay import evaluated_again, replayed
    from rulecap.cli.decisions import decision_as_json, explained
    from rulecap.cli.terminal import Style, print_json
    from rulecap.problems import on_a_line

    with reading(asked.log) as log:
        record, policy = decided(log, asked.id)
    decision = evaluated_again(record, policy)
    decision.record_id = record.fields["id"]
    difference = replayed(record, policy)
    if difference is not None and difference.part == "words":
        difference = None
    if asked.json:
        about = {"time": record.fields["time"], "asked_by": record.fields["asked_by"], "replays": difference is None}
        print_json({**decision_as_json(policy, decision), **about, "trace": decision.trace.steps})
    else:
        style = Style.of_output()
        by = f", asked by {record.fields['asked_by']}" if record.fields["asked_by"] else ""
        print(on_a_line(f"{record.fields['time']}  account {record.fields['account'] or 'unknown'}{by}"))
        print(explained(policy, decision, style))
        if difference is not None:
            where = f"{difference.part} {difference.step}".strip()
            print(style.bad(f"\nThis is not what was recorded: {where} differs; see `rulecap audit replay`."))
    return FINE if difference is None else NOT_FINE
