"""`rulecap check`: everything that is wrong with a policy."""

import argparse
from typing import TYPE_CHECKING

from rulecap.cli.here import from_here
from rulecap.cli.usage import FINE, NOT_FINE, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.problems import PolicyError


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Load a policy and report every problem at once, with its place."
    parser = commands.add_parser("check", help="check a policy", description=text, allow_abbrev=False)
    parser.add_argument("policy", metavar="P", help="folder, overlay file or shipped name")
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print one line about the policy, below its warnings.

    Raises:
        PolicyError: the policy has problems; `refuse` prints them.
    """
    from rulecap.cli.terminal import Style, print_json
    from rulecap.engine.policy import load_policy

    policy = load_policy(asked.policy)
    policy.compile()
    rules, decisions = len(policy.typed.rules), len(policy.decisions)
    if asked.json:
        about = {"name": policy.name, "version": policy.version, "digest": policy.digest, "meaning": policy.meaning}
        warnings = [problem.to_dict() for problem in policy.warnings]
        print_json({"ok": True, "policy": {**about, "rules": rules, "decisions": decisions}, "problems": warnings})
    else:
        for warning in from_here(policy.warnings, asked.policy):
            print(warning.render())
        sizes = f"{how_many(rules, 'rule')}, {how_many(decisions, 'decision')}"
        print(f"{policy.name} {policy.version}: {Style.of_output().good('fine')}, {sizes}, digest {policy.digest}")
    return FINE


def refuse(asked: argparse.Namespace, error: "PolicyError") -> int:
    """Print everything that is wrong with the policy that a command was asked about."""
    from rulecap.cli.terminal import Style, print_json

    if asked.json:
        print_json({"ok": False, "policy": None, "problems": [problem.to_dict() for problem in error.problems]})
    else:
        style = Style.of_output()
        print("\n".join(style.problem(problem) for problem in from_here(error.problems, asked.policy)))
        print(style.bad(f"{asked.policy}: {how_many(len(error.problems), 'problem')}"))
    return NOT_FINE
