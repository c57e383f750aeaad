"""A policy's files by name, as an audit log keeps them: they stand for themselves, and nothing else is read."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from rulecap.policy import nodes
from rulecap.policy.document import MOST_BYTES, parse_document
from rulecap.policy.shelf import MAIN, NoPolicyError
from rulecap.problems import did_you_mean

LANGUAGE = "language"  # what a main file says, and an included one must not


@dataclass(frozen=True, slots=True)
class Stored:
    """A policy among stored files: those whose names begin with `prefix`."""

    files: Mapping[str, bytes]
    main: str
    prefix: str = ""

    @property
    def label(self) -> str:
        """The main file's name."""
        return self.prefix + self.main

    @property
    def identity(self) -> Hashable:
        """The main file's name: no other file has it."""
        return self.label

    def content(self, name: str) -> bytes:
        """Return a file's bytes."""
        found = self.files.get(self.prefix + name)
        if found is None:
            raise FileNotFoundError("it is not among the policy's files")
        return found[: MOST_BYTES + 1]

    def others(self) -> Iterable[str]:
        """Return the files beside the main one."""
        return [name for name in _beside(self.files, self.prefix) if name != self.main]

    def base(self, extends: str, prefix: str) -> "Stored":
        """Return the policy below the prefix."""
        if not any(name.startswith(prefix) for name in self.files):
            hint = did_you_mean(prefix, {name.rpartition("/")[0] + "/" for name in self.files if "/" in name})
            message = f"the policy {extends} is not among the files: none of their names begins with {prefix}"
            raise NoPolicyError(message, hint)
        return stored(self.files, prefix)


def stored(files: Mapping[str, bytes], prefix: str = "") -> Stored:
    """Return the policy among files whose names begin with a prefix.

    Its main file lies right below the prefix: the only one there, `policy.yaml`, or the only one that says `language`.

    Raises:
        NoPolicyError: there is no main file, or several could be it.
    """
    beside = _beside(files, prefix)
    # A main file of another name may include one that is called policy.yaml.
    if len(beside) == 1 or (MAIN in beside and _says_language(files, prefix + MAIN)):
        return Stored(files, beside[0] if len(beside) == 1 else MAIN, prefix)
    mains = [name for name in beside if _says_language(files, prefix + name)]
    if len(mains) > 1:
        several = ", ".join(prefix + name for name in mains)
        raise NoPolicyError(f"each of these files could be the policy's main file: {several}", "keep one of them")
    if not mains and MAIN not in beside:
        where = f" below {prefix}" if prefix else ""
        raise NoPolicyError(f"there is no main file among the policy's files{where}", f"one of them says {LANGUAGE}: 1")
    return Stored(files, mains[0] if mains else MAIN, prefix)


def _beside(files: Mapping[str, bytes], prefix: str) -> list[str]:
    rests = [name.removeprefix(prefix) for name in files if name.startswith(prefix)]
    return sorted(rest for rest in rests if rest and "/" not in rest)


def _says_language(files: Mapping[str, bytes], name: str) -> bool:
    document, _ = parse_document(files[name][: MOST_BYTES + 1], name)
    return isinstance(document, nodes.Mapping) and LANGUAGE in document
