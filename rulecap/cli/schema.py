"""`rulecap schema`: the JSON schema of what people write and read."""

import argparse

from rulecap.cli.usage import FINE

KINDS = ("policy", "snapshot", "decision", "tests", "audit")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Print a JSON schema: of a policy, a snapshot, the decision that `eval --json` prints, tests, a record."
    parser = commands.add_parser("schema", help="print a JSON schema", description=text, allow_abbrev=False)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--json", action="store_true", help="accepted everywhere; a schema is JSON in any case")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print the schema as it is shipped."""
    from rulecap.resources import resource_folder

    print((resource_folder("schemas") / f"{asked.kind}.schema.json").read_text(encoding="utf-8").rstrip())
    return FINE
