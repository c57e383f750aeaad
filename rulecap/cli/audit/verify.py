"""`rulecap audit verify`: whether the log is as it was written."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rulecap.cli.audit.common import add_log, progress, reading
from rulecap.cli.usage import FINE, NOT_FINE, UsageError, add_json
from rulecap.plural import how_many

if TYPE_CHECKING:
    from rulecap.audit import Log
    from rulecap.audit.findings import Report
    from rulecap.audit.note import Verifier
    from rulecap.cli.terminal import Style


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    text = "Hash every record again, compute the tree again, and compare with the head, its signature and checkpoints."
    parser = commands.add_parser("verify", help="prove the log", description=text, allow_abbrev=False)
    add_log(parser)
    parser.add_argument(
        "--key", metavar="KEY", action="append", default=[], help="a public key that signs the log, or a file of them"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", action="append", default=[], help="checkpoints that were kept elsewhere"
    )
    after = "the log that it follows: compare the memories carried over, and which log that one says follows it"
    parser.add_argument("--after", metavar="URL", help=after)
    add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Print what is wrong with the log, or that nothing is."""
    from rulecap.audit.verify import verify
    from rulecap.cli.terminal import Style, print_json

    keys = trusted(asked.key)
    notes = [note for name in asked.checkpoint for note in _kept(name)]
    with reading(asked.log) as log:
        report = verify(log, keys, notes, progress("verifying"))
        if asked.after is not None:
            report = _following(report, log, asked.after)
    if asked.json:
        print_json(report.to_dict())
    else:
        print(report_as_text(report, bool(keys), bool(notes), Style.of_output()))
    return FINE if report.fine else NOT_FINE


def _following(report: "Report", log: "Log", after: str) -> "Report":
    """Return the report with what the log's first record carries over compared with what the log before it left."""
    from dataclasses import replace

    from rulecap.audit.carry import follows
    from rulecap.audit.findings import Findings

    findings = Findings()
    with reading(after) as old:
        said = follows(log, old, findings)
    return replace(
        report,
        notes=(*report.notes, *said),
        findings=(*findings.in_order(), *report.findings),
        count=report.count + findings.count,
    )


def trusted(keys: list[str]) -> "list[Verifier]":
    """Return the public keys that were named.

    Raises:
        UsageError: one cannot be read.
    """
    from rulecap.audit.keys import UnusableKey, read_verifiers

    try:
        return [key for where in keys for key in read_verifiers(where)]
    except UnusableKey as error:
        raise UsageError(str(error)) from error


def report_as_text(report: "Report", keyed: bool, kept: bool, style: "Style") -> str:
    """Return what was found as text; the log's name is whatever its database has, and so may be a key's."""
    from rulecap.problems import on_a_line

    lines = [style.bad(finding.render()) for finding in report.findings]
    if report.count > len(report.findings):
        lines.append(f"and {report.count - len(report.findings):,} more")
    verdict = style.good("fine") if report.fine else style.bad(how_many(report.count, "finding"))
    about = f"log {report.log}, {how_many(report.size, 'record')}, root {report.root or 'unknown'}"
    lines.append(f"{on_a_line(about)}: {verdict}")
    return "\n".join([*lines, *map(on_a_line, (*_rests_on(report, keyed, kept), *report.notes))])


def _rests_on(report: "Report", keyed: bool, kept: bool) -> list[str]:
    """Say what the proof rests on."""
    if report.signed_by:
        lines = [f"the head is signed by {', '.join(report.signed_by)}"]
    elif keyed:
        lines = ["the head is not signed by a key that was given"]
    else:
        lines = ["no key was given (--key), so that whoever can write the log could have rewritten all of it"]
    if report.checkpoints:
        several = report.checkpoints > 1
        lines.append(f"{report.checkpoints} checkpoint{'s' * several} kept elsewhere agree{'s' * (not several)}")
    elif kept:
        lines.append("no checkpoint that was given agrees")
    else:
        lines.append(
            "no checkpoint kept elsewhere was given (--checkpoint), so that a cut end with its head could be missed"
        )
    return lines


def _kept(name: str) -> list[str]:
    """Return the checkpoints that are kept in a file.

    Raises:
        UsageError: it cannot be read, or holds none: that it agreed would be said of nothing.
    """
    from rulecap.audit.held import split_notes

    notes = split_notes(_text(name))
    if not notes:
        raise UsageError(f"{name} holds no checkpoint")
    return notes


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text, and so holds no checkpoint") from error
