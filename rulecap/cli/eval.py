"""`rulecap eval`: the decision for a snapshot."""

import argparse

from rulecap.cli.audit.common import add_log
from rulecap.cli.usage import FINE, NOT_FINE, add_evaluation


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Evaluate a snapshot: the decision's outputs and its problems."
    parser = commands.add_parser("eval", help="decide", description=text, allow_abbrev=False)
    add_evaluation(parser)
    parser.add_argument(
        "--record", action="store_true", help="put the decision on record; the memory is then the log's"
    )
    parser.add_argument(
        "--idempotency-key", metavar="KEY", help="with --record: the same key gets the first answer again"
    )
    parser.add_argument("--as", dest="asked_by", metavar="NAME", help="with --record: who asks, as it goes on record")
    add_log(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the decision; not fine where it has problems."""
    from rulecap.cli.asked import evaluate
    from rulecap.cli.decisions import decision_as_json, decision_as_text
    from rulecap.cli.terminal import Style, print_json

    policy, decision = evaluate(asked)
    if asked.json:
        print_json(decision_as_json(policy, decision))
    else:
        print(decision_as_text(policy, decision, Style.of_output(), asked.policy))
    return FINE if decision.ok else NOT_FINE
