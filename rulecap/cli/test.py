"""`rulecap test`: the tests in YAML beside a policy."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rulecap.cli.usage import FINE, NOT_FINE, add_json

if TYPE_CHECKING:
    from rulecap.cli.terminal import Style
    from rulecap.engine.cases import CaseResult


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Run the tests beside a policy: tests/*.yaml in its folder."
    parser = commands.add_parser("test", help="run a policy's tests", description=text, allow_abbrev=False)
    parser.add_argument("policy", metavar="P", help="folder, overlay file or shipped name")
    parser.add_argument(
        "-k", metavar="WORD", dest="word", type=str, default="", help="only tests whose name or file has this"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the tests that failed, and how many passed; not fine where one failed or there is none."""
    from rulecap.cli.terminal import Style, print_json
    from rulecap.engine.cases import case_files, run_files
    from rulecap.engine.policy import load_policy

    policy = load_policy(asked.policy)
    results = run_files(policy, case_files(asked.policy), asked.word)
    fine = bool(results) and all(result.ok for result in results)
    if asked.json:
        failed = sum(not result.ok for result in results)
        print_json(
            {
                "ok": fine,
                "passed": len(results) - failed,
                "failed": failed,
                "tests": [result.to_dict() for result in results],
            }
        )
    else:
        print(_as_text(results, asked, Style.of_output()))
    return FINE if fine else NOT_FINE


def _as_text(results: "Sequence[CaseResult]", asked: argparse.Namespace, style: "Style") -> str:
    failed = [result for result in results if not result.ok]
    lines = [f"{style.bad('FAILED')} {result.render()}" for result in failed]
    passed = f"{len(results) - len(failed)} passed"
    if not results:
        lines.append(
            style.bad(f"{asked.policy}: no tests{f' with {asked.word!r} in their name' if asked.word else ''}")
        )
    elif failed:
        lines.append(style.bad(f"{asked.policy}: {len(failed)} failed, {passed}"))
    else:
        lines.append(style.good(f"{asked.policy}: {passed}"))
    return "\n".join(lines)
