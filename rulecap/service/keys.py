"""API keys: who may ask what. A file has their hashes; the keys themselves are nowhere but with their holders."""

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rulecap.service.replaced import replace_file
from rulecap.snapshot.findings import problems_of

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment]

Scope = Literal["read", "recommend", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
TOKEN = re.compile(r"rulecap_([a-z0-9][a-z0-9-]{0,31})_[A-Za-z0-9_-]{43}")
SECRET_BYTES = 32
BY_ITSELF = SERVE, MONITOR = ("serve", "monitor")
"""What asks by itself is called so on record, and no key."""
TAKEN = "rulecap is called so on record where it asks by itself"
NOBODY = hashlib.sha256(b"").hexdigest()


class UnusableKeys(Exception):
    """The file of keys cannot be used; the text says why."""


class Key(BaseModel):
    """A key as the file has it.

    The hash is SHA-256 of the whole key: a key is 256 random bits, which nobody finds by trying, so that a slow hash
    would protect nothing and cost every request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="key")

    id: Annotated[str, Field(pattern=NAME)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]
    revoked: bool = False


class KeyFile(BaseModel):
    """The file: a list of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="file of keys")

    keys: tuple[Key, ...] = ()


class KeyRing:
    """The keys of a file, by their names."""

    def __init__(self, file: KeyFile) -> None:
        """Keep the keys."""
        self._keys = {key.id: key for key in file.keys}

    def find(self, token: str) -> Key | None:
        """Return the key that a token is; none where it is unknown or revoked. Takes as long whichever it is."""
        named = TOKEN.fullmatch(token)
        key = self._keys.get(named[1]) if named else None
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        same = hmac.compare_digest(digest, key.sha256 if key else NOBODY)
        return key if same and key is not None and not key.revoked else None

    def lets(self, found: Key, scope: Scope) -> bool:
        """Return whether a key that was found earlier still counts, and has the scope."""
        key = self._keys.get(found.id)
        return key is not None and key.sha256 == found.sha256 and not key.revoked and scope in key.scopes


def read_keys(path: Path) -> KeyFile:
    """Return the keys in a YAML (or JSON) file.

    Raises:
        UnusableKeys: it cannot be read, is no file of keys, or has a name twice, or one that is not a key's to have.
    """
    try:
        file = KeyFile.model_validate(_document(path))
    except OSError as error:
        raise UnusableKeys(f"cannot read the keys {path}: {error.strerror}") from error
    except ValidationError as error:
        first = problems_of(error, KeyFile)[0]
        if not first.path:
            raise UnusableKeys(f"{path} is no file of keys: `rulecap keys new` begins one") from error
        raise UnusableKeys(f"the keys {path}: {first.path}: {first.code}") from error
    names = [key.id for key in file.keys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnusableKeys(f"the keys {path} have {twice[0]} twice")
    for name in BY_ITSELF:
        if name in names:
            raise UnusableKeys(f"the keys {path} have a key {name}: {TAKEN}")
    return file


def _document(path: Path) -> object:
    """Return what YAML makes of the file.

    Raises:
        OSError: it cannot be read.
        UnusableKeys: it is no YAML.
    """
    text = path.read_bytes()
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that there is none, deep nesting
        raise UnusableKeys(f"the keys {path} are no YAML") from error


def new_key(name: str, scopes: tuple[Scope, ...]) -> tuple[str, Key]:
    """Return a new token, and the key that the file keeps of it."""
    token = f"rulecap_{name}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return token, Key(id=name, sha256=hashlib.sha256(token.encode()).hexdigest(), scopes=scopes)


def add_key(path: Path, name: str, scopes: tuple[Scope, ...]) -> str:
    """Make a key, put it into the file, which is begun where there is none, and return its token.

    Raises:
        UnusableKeys: the file cannot be used or written, or has a key of this name.
    """
    if not re.fullmatch(NAME, name):
        raise UnusableKeys(f"{name[:40]!r} is no name of a key: lower-case letters, digits and -, at most 32")
    if name in BY_ITSELF:
        raise UnusableKeys(f"{name} is no name of a key: {TAKEN}")
    with _alone(path):
        file = read_keys(path) if path.exists() else KeyFile()
        if name in {key.id for key in file.keys}:
            raise UnusableKeys(f"the keys {path} have {name} already; revoke it, and give the new one another name")
        token, key = new_key(name, scopes)
        write_keys(path, KeyFile(keys=(*file.keys, key)))
    return token


def revoke_key(path: Path, name: str) -> None:
    """Mark a key as revoked.

    Raises:
        UnusableKeys: the file cannot be used or written, or has no key of this name.
    """
    with _alone(path):
        file = read_keys(path)
        if name not in {key.id for key in file.keys}:
            raise UnusableKeys(f"the keys {path} have no {name[:40]}")
        keys = (key.model_copy(update={"revoked": key.revoked or key.id == name}) for key in file.keys)
        write_keys(path, KeyFile(keys=tuple(keys)))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Have whoever else changes keys in the folder wait: he would write back what he read before, a revoked key too.

    Raises:
        UnusableKeys: the folder is not there, or cannot be locked.
    """
    if fcntl is None:  # pragma: no cover
        yield
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UnusableKeys(f"cannot write the keys {path}: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise UnusableKeys(f"cannot write the keys {path}: {error.strerror}") from error
    finally:
        os.close(folder)


def write_keys(path: Path, file: KeyFile) -> None:
    """Write the file as a whole, readable by its owner alone, or by those who may read the one in its place.

    It is on the disk when this returns: else a key that was revoked would let somebody in after a loss of power.
    A service that cannot read it any more would go on with the keys of before, the revoked ones too.

    Raises:
        UnusableKeys: it cannot be written.
    """
    text = yaml.safe_dump(file.model_dump(mode="json"), sort_keys=False)
    try:
        replace_file(path, text, lambda written: _as_before(written, path))
    except OSError as error:
        raise UnusableKeys(f"cannot write the keys {path}: {error.strerror}") from error


def _as_before(written: int, path: Path) -> None:
    """Give a file the owner, group and rights of the one in whose place it comes.

    Raises:
        OSError: they cannot be given.
    """
    if os.name != "posix" or not path.exists():
        return
    before = path.stat()
    now = os.fstat(written)
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(written, before.st_uid, before.st_gid)
    os.fchmod(written, stat.S_IMODE(before.st_mode))
