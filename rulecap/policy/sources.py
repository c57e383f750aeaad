"""The files of a policy: read, included, merged, overlaid, from its folders or from what was stored of them."""

import hashlib
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rulecap.location import Location
from rulecap.policy import overlay
from rulecap.policy.document import parse_document
from rulecap.policy.meaning import meaning_of
from rulecap.policy.nodes import Mapping, Node, Scalar, entries_of, items_of, problem_at
from rulecap.policy.schema import validate
from rulecap.policy.shelf import MAIN, NoPolicyError, Shelf, find_policy, on_disk
from rulecap.policy.stored import stored
from rulecap.problems import PolicyError, Problem, did_you_mean, shown

DEEPEST_EXTENDS = 8
OF_A_POLICY = ("language", "policy", "version")
NO_POLICY = "this file is no policy by itself: it has neither `language` nor `policy` nor `version`"
NAME_THE_FOLDER = "a file that a policy includes is checked with it: name the policy's folder"


@dataclass(slots=True)
class Sources:
    """The merged document of a policy and the bytes of its files by name; findings so far, and those beside it."""

    document: Mapping | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    beside: list[Problem] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 over names and exact bytes of the files, in the names' order, hexadecimal."""
        return digest_of(self.files)

    @property
    def meaning(self) -> str:
        """SHA-256 over what the document says, without comments, layout and explanatory texts, hexadecimal."""
        return meaning_of(self.document)


def digest_of(files: MappingType[str, bytes]) -> str:
    """Return SHA-256 over names and exact bytes of files, in the names' order, hexadecimal."""
    total = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def read_sources(where: str | Path) -> Sources:
    """Return the merged document of a policy, its files, and all findings of reading them.

    Raises:
        PolicyError: there is no such policy.
    """
    sources, shelf = Sources(), on_disk(find_policy(where))
    _read(shelf, "", sources, ())
    if shelf.main == MAIN:
        sources.beside += [_forgotten(name, shelf.content(name)) for name in shelf.parts() if name not in sources.files]
    return sources


def _forgotten(name: str, content: bytes) -> Problem:
    """A file that looks like a part of the policy and is none: whoever wrote it thinks that it counts."""
    message = f"{_written(name)} lies in the policy's folder and is not included: nothing in it counts"
    named = "" if name.endswith(".yaml") else "give it a name that ends with .yaml, and "
    hint = f"{named}add it to `include` in {MAIN}, or move it away"
    line = next(iter(content.decode("utf-8", "replace").splitlines()), "")
    return Problem("not-included", message, Location(_written(name), 1, 1), None, hint, line, "warning")


def stored_sources(files: MappingType[str, bytes]) -> Sources:
    """Return the same of files by name, as `Sources.files` has them; nothing on disk is read.

    Raises:
        PolicyError: the files have no main file, or are no files.
    """
    kept = dict(files)
    wrong = [name for name, content in kept.items() if not (isinstance(name, str) and isinstance(content, bytes))]
    if wrong:
        message = f"a policy's files are bytes by name, {shown(wrong[0])} is not"
        raise PolicyError([Problem("wrong-type", message)])
    sources = Sources()
    try:
        _read(stored(kept), "", sources, ())
    except NoPolicyError as error:
        raise PolicyError([Problem("no-such-policy", str(error), hint=error.hint)]) from error
    if not any(problem.severity == "error" for problem in sources.problems):
        sources.problems += [_left_over(name) for name in sorted(kept.keys() - sources.files.keys())]
    return sources


def _left_over(name: str) -> Problem:
    """A file that is not read would be in the digest that the files are kept under, and in no policy's."""
    message = f"{_written(name)} does not belong to the policy: nothing includes or extends it"
    return Problem("bad-include", message, Location(_written(name), 1, 1))


def _written(name: str) -> str:
    """Return a file's name such that it can be written anywhere: on disk it need not be UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def _read(shelf: Shelf, prefix: str, sources: Sources, chain: tuple[Shelf, ...]) -> None:
    main = _file(shelf, shelf.main, prefix, sources)
    if main is None:
        return
    extends = main.get("extends")
    if isinstance(extends, Scalar):
        _extend(main, extends, prefix, sources, (*chain, shelf))
        return
    parts = [main, *_included(shelf, main, prefix, sources)]
    sources.document = _merge(main, parts, sources.problems)


def _extend(main: Mapping, extends: Scalar, prefix: str, sources: Sources, chain: tuple[Shelf, ...]) -> None:
    below = prefix + base_prefix(extends.text)
    try:
        base = chain[-1].base(extends.text, below)
    except NoPolicyError as error:
        sources.problems.append(problem_at(extends, "no-such-policy", str(error), error.hint))
        return
    if base.identity in {shelf.identity for shelf in chain} or len(chain) > DEEPEST_EXTENDS:
        names = " → ".join(shelf.label for shelf in (*chain, base))
        message = f"overlays extend each other in a circle: {names}"
        sources.problems.append(problem_at(extends, "cycle", message, "an overlay extends a policy in the end"))
        return
    _read(base, below, sources, chain)
    if sources.document is None:
        return
    document, problems = overlay.apply(sources.document, main)
    sources.problems += problems
    sources.document = _renamed(document, main)
    places = {problem.location for problem in sources.problems}
    sources.problems += [found for found in validate(sources.document) if found.location not in places]


def base_prefix(extends: str) -> str:
    """Return what the names of an extended policy's files begin with, by what `extends` says alone.

    Names never lead out of a folder that they are written to: what is no plain name is called `base`.
    """
    stem = PurePosixPath(extends).stem
    return f"{stem}/" if stem.strip(".") and not set(stem) & set("\\:") else "base/"


def _renamed(document: Mapping, main: Mapping) -> Mapping:
    """Return the overlaid document under the overlay's own name, version and title."""
    own = {key.text: (key, value) for key, value in main.entries if key.text in ("policy", "version", "title", "why")}
    kept = tuple(own.pop(key.text, (key, value)) for key, value in document.entries)
    return Mapping((*kept, *own.values()), document.source, document.line, document.column)


def _file(shelf: Shelf, name: str, prefix: str, sources: Sources, asked: Scalar | None = None) -> Mapping | None:
    try:
        (prefix + name).encode()  # it goes into the digest
        content = shelf.content(name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"{_written(name)} cannot be read: {reason}"
        sources.problems.append(
            problem_at(asked, "bad-include", message, did_you_mean(name, shelf.others()))
            if asked
            else Problem("bad-include", message, Location(_written(prefix + name), 1, 1))
        )
        return None
    sources.files[prefix + name] = content
    node, problems = parse_document(content, prefix + name)
    sources.problems += problems
    if isinstance(node, Mapping):
        places = {problem.location for problem in problems}
        part = "include" if asked else "overlay" if "extends" in node else "policy"
        if part == "policy" and name != MAIN and not any(key in node for key in OF_A_POLICY):
            sources.problems.append(problem_at(node, "missing-key", NO_POLICY, NAME_THE_FOLDER))
            return None
        sources.problems += [found for found in validate(node, part=part) if found.location not in places]
        return node
    if node is not None:
        sources.problems.append(
            problem_at(node, "wrong-type", "a policy file is a mapping: `name: value` on each line")
        )
    return None


def _included(shelf: Shelf, main: Mapping, prefix: str, sources: Sources) -> list[Mapping]:
    parts = []
    for item in items_of(main.get("include")):
        if not isinstance(item, Scalar):
            continue
        path = PurePosixPath(item.text)
        inside = not path.is_absolute() and ".." not in path.parts and "\\" not in item.text and "\0" not in item.text
        if not inside or path.suffix != ".yaml":  # the schema has reported it; it is never read
            continue
        if prefix + item.text in sources.files:
            problems = sources.problems
            problems.append(problem_at(item, "bad-include", f"{item.text} is included twice", "leave one of them out"))
            continue
        found = _file(shelf, item.text, prefix, sources, item)
        if found is not None:
            parts.append(found)
    return parts


def _merge(main: Mapping, parts: list[Mapping], problems: list[Problem]) -> Mapping:
    """Return the main document with the sections of all files joined; a name that two files give is a finding."""
    entries: list[tuple[Scalar, Node]] = [
        (key, value) for key, value in main.entries if key.text not in overlay.SECTIONS
    ]
    for section in overlay.SECTIONS:
        joined: dict[str, tuple[Scalar, Node]] = {}
        head = next((part.key(section) for part in parts if section in part), None)
        for part in parts:
            for key, value in entries_of(part.get(section)):
                if key.text in joined:
                    first = joined[key.text][0].location
                    problems.append(problem_at(key, "duplicate-key", f"{key.text} is given in {first.spot} already"))
                joined.setdefault(key.text, (key, value))
        if head is not None:
            entries.append((head, Mapping(tuple(joined.values()), head.source, head.line, head.column)))
    return Mapping(tuple(entries), main.source, main.line, main.column)
