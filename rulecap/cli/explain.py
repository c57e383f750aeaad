"""`rulecap explain`: the decision for a snapshot, and how each of its values came about."""

import argparse

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, NOT_FINE, add_evaluation


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Evaluate a snapshot and explain the answer: every rule with the values that it saw."
    parser = commands.add_parser("explain", help="decide, and say why", description=text, allow_abbrev=False)
    add_evaluation(parser)
    add_log(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the decision and its trace; not fine where it has problems."""
    from rulecap.cli.asked import evaluate
    from rulecap.cli.decisions import decision_as_json, explained
    from rulecap.cli.terminal import Style, print_json

    policy, decision = evaluate(asked)
    if asked.json:
        print_json({**decision_as_json(policy, decision), "trace": decision.trace.steps})
    else:
        print(explained(policy, decision, Style.of_output()))
    return FINE if decision.ok else NOT_FINE
