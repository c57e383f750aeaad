"""The command `rulecap`: its arguments, and what ends it."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence

from rulecap.cli import audit, check, diff, explain, keys, monitor, schema, serve, snapshot, test
from rulecap.cli import eval as evaluate
from rulecap.cli.usage import NOT_FINE, Arguments, NotFine, UsageError
from rulecap.version import __version__

COMMANDS = (evaluate, explain, check, test, diff, schema, snapshot, audit, serve, monitor, keys)
USAGE = 2
# What a shell reports for a program that a signal ended.
INTERRUPTED, PIPE_CLOSED = 130, 141
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 the thing checked is not fine, 2 usage."""
    _hold_streams()
    _be_printable()
    try:
        asked = parser().parse_args(arguments)
        code = _run(asked)
        sys.stdout.flush()
    except UsageError as error:
        from rulecap.problems import plain

        print(plain(f"rulecap: {error}"), file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno not in UNWRITABLE or error.filename is not None:
            raise
        _forget_output()
        print(f"rulecap: cannot write the output: {error.strerror}", file=sys.stderr)
        return USAGE
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = Arguments(
        prog="rulecap",
        description="Decide how large a trade may be, at what leverage, and why: by a policy in YAML.",
        epilog="Exit code: 0 fine, 1 the thing checked is not fine, 2 usage.",
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"rulecap {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return whole


def _run(asked: argparse.Namespace) -> int:
    """Run the command; a policy with problems is reported the same way by all of them.

    Raises:
        UsageError: the command cannot be used, or there is no such policy.
    """
    from rulecap.problems import PolicyError

    try:
        return int(asked.run(asked))
    except PolicyError as error:
        absent = next((one for one in error.problems if one.code == "no-such-policy" and one.location is None), None)
        if absent is not None:
            raise UsageError(f"{absent.message}: {absent.hint}".removesuffix(": ")) from error
        return check.refuse(asked, error)
    except NotFine as error:
        return _report(asked, error)


def _report(asked: argparse.Namespace, error: NotFine) -> int:
    """Print why there is no answer."""
    from rulecap.cli.terminal import Style, print_json

    if asked.json:
        print_json({"ok": False, "problems": [problem.to_dict() for problem in error.problems]})
    else:
        style = Style.of_output()
        print("\n".join(style.problem(problem) for problem in error.problems))
    return NOT_FINE


def _hold_streams() -> None:
    """Put nothing in place of a stream that was closed: the next file that is opened, a log, would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(nothing, mode, encoding="utf-8", closefd=nothing != number))  # noqa: SIM115  # it stays


def _be_printable() -> None:
    """Let a terminal that lacks a character show `?` for it rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Point standard output away from the closed pipe, so that Python's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
