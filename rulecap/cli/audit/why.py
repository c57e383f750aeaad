"""`rulecap audit why`: what single change would have changed a recorded verdict."""

import argparse

from rulecap.cli.audit.common import add_log, decided, reading
from rulecap.cli.usage import FINE, NOT_FINE, UsageError, add_json


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Name the nearest changes of inputs and thresholds, one at a time, that would have changed the verdict."
    parser = commands.add_parser("why", help="what would have changed it", description=text, allow_abbrev=False)
    parser.add_argument("id", metavar="ID", help="the record's id or number")
    add_log(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the changes, the nearest first; not fine where what was recorded was no snapshot."""
    from rulecap.audit.log import parsed_memory
    from rulecap.audit.replay import evaluated_again
    from rulecap.audit.why import render, why
    from rulecap.cli.terminal import print_json

    with reading(asked.log) as log:
        record, policy = decided(log, asked.id)
    asked_for, memory = record.fields["decision"], parsed_memory(record.fields["memory"])
    if asked_for not in policy.decisions:
        from rulecap.problems import on_a_line

        raise UsageError(on_a_line(f"the policy {policy.name} has no decision {asked_for}"))
    decision = evaluated_again(record, policy)
    if decision.snapshot is None:
        problems = [problem.to_dict() for problem in decision.problems]
        if asked.json:
            print_json({"record": record.fields["id"], "problems": problems})
        else:
            print("\n".join(["What was handed in is no snapshot:", *(one.render() for one in decision.problems)]))
        return NOT_FINE
    if policy.typed.decisions[asked_for].verdict is None:
        raise UsageError(f"the decision {asked_for} of {policy.name} has no verdict: its policy names none")
    findings = why(policy, decision.snapshot, memory, asked_for, policy.verdict_of)
    if asked.json:
        print_json({"record": record.fields["id"], **findings.to_dict()})
    else:
        print(render(findings))
    return FINE
