"""Where a policy's files lie on disk: found by path or by a shipped name, read from its folder and nowhere else."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path
from typing import Protocol

from rulecap.policy.document import MOST_BYTES
from rulecap.problems import PolicyError, Problem, did_you_mean, shown
from rulecap.resources import resource_folder

MAIN = "policy.yaml"
AN_OVERLAY = re.compile(rb"^extends\s*:", re.MULTILINE)
ENDINGS = (".yaml", ".yml")
LONGEST_PATH = 1024


class NoPolicyError(Exception):
    """There is no such policy to extend; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep both."""
        super().__init__(message)
        self.hint = hint


class Shelf(Protocol):
    """The files of one policy: the main one, those that it may include, and the way to the policy that it extends."""

    @property
    def main(self) -> str:
        """The main file's name."""

    @property
    def label(self) -> str:
        """What to call the policy in a message."""

    @property
    def identity(self) -> Hashable:
        """What tells the policy from every other one."""

    def content(self, name: str) -> bytes:
        """Return a file's bytes, cut behind the largest size.

        Raises:
            OSError, ValueError: it cannot be read.
        """

    def others(self) -> Iterable[str]:
        """Return the names of files that lie beside the main one."""

    def base(self, extends: str, prefix: str) -> "Shelf":
        """Return the shelf of the policy that this one extends; the names of its files begin with `prefix`.

        Raises:
            NoPolicyError: there is none.
        """


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A policy in a folder."""

    folder: Path
    main: str

    @property
    def label(self) -> str:
        """The folder's name, or that of a file that is a policy by itself."""
        return self.folder.name if self.main == MAIN else self.main

    @property
    def identity(self) -> Hashable:
        """The file that is meant in the end, links followed."""
        return (self.folder / self.main).resolve()

    def content(self, name: str) -> bytes:
        """Return a file's bytes; a link that leads out of the folder, a pipe and a device are not read."""
        path = self.folder / name
        try:
            found = path.resolve()
        except RuntimeError as error:  # Python before 3.13; later ones find it when they open the file
            raise OSError(ELOOP, "Too many levels of symbolic links") from error
        if not found.is_relative_to(self.folder.resolve()):
            raise OSError(f"{name} leads out of the policy's folder")
        if path.exists() and not path.is_file():
            raise OSError(f"{name} is no regular file")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)

    def others(self) -> Iterable[str]:
        """Return the YAML files beside the main one."""
        return [path.name for path in yaml_files(self.folder) if path.name != MAIN]

    def parts(self) -> list[str]:
        """Return those of them that are no overlays; what cannot be read is none either."""
        return sorted(name for name in self.others() if self._is_part(name))

    def _is_part(self, name: str) -> bool:
        try:
            return AN_OVERLAY.search(self.content(name)) is None
        except OSError:
            return False

    def base(
        self, extends: str, prefix: str
    ) -> "OnDisk":  # what its names begin with matters where they are all there is
        """Return the shipped policy of that name, or the one at that path from this folder."""
        beside = self.folder / extends
        if extends in shipped():
            return on_disk(shipped()[extends])
        if (beside / MAIN).is_file() or (beside.is_file() and beside.suffix == ".yaml"):
            return on_disk(beside)
        known = f"a shipped policy ({', '.join(shipped())}) or a path relative to this file"
        raise NoPolicyError(f"there is no policy {extends}", did_you_mean(extends, shipped()) or known)


def yaml_files(folder: Path) -> list[Path]:
    """Return the YAML files in a folder, by name; none where there is no folder."""
    return sorted(path for path in folder.glob("*") if path.suffix in ENDINGS and path.is_file())


def on_disk(place: Path) -> OnDisk:
    """Return the shelf of a policy's folder, or of its file."""
    return OnDisk(place, MAIN) if place.is_dir() else OnDisk(place.parent, place.name)


def shipped() -> dict[str, Path]:
    """Return the policies that come with the package, by name."""
    folder = resource_folder("policies")
    found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MAIN}"))}
    return found | {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_policy(where: str | Path) -> Path:
    """Return the folder or overlay file of a policy, by its path or by the name of a shipped one.

    Raises:
        PolicyError: there is no such policy, or it is where nothing may be looked for.
    """
    try:
        return _found(where)
    except OSError as error:
        text = f"the policy at {shown(str(where))} cannot be looked for: {error.strerror}"
        raise PolicyError([Problem("no-such-policy", text, path=shown(str(where)))]) from error


def _found(where: str | Path) -> Path:
    path = Path(where)
    if len(str(where)) > LONGEST_PATH:
        raise PolicyError([Problem("no-such-policy", "the name of a policy's place is too long")])
    if isinstance(where, str) and where in shipped() and not (path / MAIN).is_file():
        return shipped()[where]
    if path.is_file() or (path / MAIN).is_file():
        return path.parent if path.name == MAIN else path
    what = (
        f"there is no policy in {where}: a folder needs a {MAIN}" if path.is_dir() else f"there is no policy at {where}"
    )
    raise PolicyError([Problem("no-such-policy", what, path=str(where), hint=did_you_mean(str(where), shipped()))])
