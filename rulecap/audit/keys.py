"""Key files: a signing key is written once, for its owner's eyes only; no message ever shows one."""

import os
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rulecap.audit.note import PRIVATE, NoteError, Signer, Verifier, signer_from_text, verifier_from_text
from rulecap.audit.on_disk import see_on_disk

Key = TypeVar("Key", Signer, Verifier)

OWNER_ONLY = 0o600
LARGEST_FILE = 65_536

# A path rarely has so many letters without a dot, dash or underscore, nor any of its parts half as many.
_MAY_BE_A_KEY = re.compile("PRIVATE|[a-z0-9+/=]{40}|[a-z0-9+=]{20}", re.IGNORECASE)
_IS_A_PUBLIC_KEY = re.compile(r"[^+\s]+\+[0-9A-Fa-f]{8}\+|PRIVATE\+KEY\+")


class UnusableKey(ValueError):
    """A key cannot be read, or written, or should not be used; the message says what to do and holds no key."""


def write_key(path: str | Path, signer: Signer) -> None:
    """Write a private key to a new file that only its owner may read, and see it on the disk.

    Raises:
        UnusableKey: there is a file already, which is never overwritten, or the file cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        raise UnusableKey(f"{path} exists already, and a key is never overwritten: choose another name") from None
    except OSError as error:
        raise UnusableKey(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(f"{signer.to_text()}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        see_on_disk(Path(path).parent)
    except OSError as error:
        Path(path).unlink()
        raise UnusableKey(f"{path} cannot be written: {error.strerror}") from None


def read_signer(where: str) -> Signer:
    """Return the private key in a file, or written out in `where` itself, as an environment variable may hold it.

    Raises:
        UnusableKey: there is no such file, others than its owner may read it, or it does not hold one private key.
    """
    written = where.strip()
    if _IS_A_PUBLIC_KEY.match(written) and not written.startswith(PRIVATE):
        raise UnusableKey("this is a public key; what signs is the private one, or the path of its file")
    if not written.startswith(PRIVATE):
        return _parsed(signer_from_text, _read(where, secret=True).strip(), where)
    return _parsed(signer_from_text, written, "the signing key")


def read_verifiers(where: str) -> tuple[Verifier, ...]:
    """Return the public keys in a file, or written out in `where` itself: one a line.

    Raises:
        UnusableKey: there is no such file, or it holds no key, or a line that is none.
    """
    written = bool(_IS_A_PUBLIC_KEY.match(where.strip()))
    text, name = (where, "the public key") if written else (_read(where, secret=False), where)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise UnusableKey(f"{name} holds no key")
    return tuple(_parsed(verifier_from_text, line, f"{name}, line {number}") for number, line in lines)


def _read(where: str, *, secret: bool) -> str:
    """Return a key file's text."""
    if not where.strip():
        raise UnusableKey("no key is given: a file's path or the key itself is asked for")
    try:
        with Path(where).open("rb") as file:
            mode, raw = os.fstat(file.fileno()).st_mode, file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UnusableKey(f"the key file {_shown_place(where)} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UnusableKey(f"the key file {_shown_place(where)} has no possible path") from None
    if secret:
        _check_owner_only(where, mode)
    if len(raw) > LARGEST_FILE:
        raise UnusableKey(f"{where} is too large to be a key file")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnusableKey(f"{where} is not text, and so no key file") from None


def _check_owner_only(where: str, mode: int) -> None:
    """Refuse a file that group or others may touch, as ssh does; Windows knows no such modes."""
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnusableKey(
            f"{where} is open to others than its owner (mode {stat.S_IMODE(mode):04o}): chmod 600 {shlex.quote(where)}"
        )


def _parsed(reader: Callable[[str], Key], text: str, name: str) -> Key:
    try:
        return reader(text)
    except NoteError as error:
        raise UnusableKey(f"{name}: {error}") from None


def _shown_place(where: str) -> str:
    """Return a path to show; a text that opens no file may be a mistyped key, which no log may see."""
    if _MAY_BE_A_KEY.search(where):
        return "(not shown, for it may be a key)"
    return where.encode(errors="backslashreplace").decode()
