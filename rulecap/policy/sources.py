"""The files of a policy: found, read, included, merged, overlaid. Nothing outside its folders is read."""

import hashlib
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rulecap.location import Location
from rulecap.policy import overlay
from rulecap.policy.document import parse_document
from rulecap.policy.meaning import meaning_of
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, problem_at
from rulecap.policy.schema import validate
from rulecap.problems import PolicyError, Problem, did_you_mean
from rulecap.resources import resource_folder

MAIN = "policy.yaml"
SECTIONS = ("inputs", "parameters", "memory", "decisions", "rules")
LARGEST_FILE = 1_048_576
DEEPEST_EXTENDS = 8
LONGEST_PATH = 1024


@dataclass(slots=True)
class Sources:
    """The merged document of a policy and the bytes of its files by name; findings so far."""

    document: Mapping | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

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


def shipped() -> dict[str, Path]:
    """Return the policies that come with the package, by name."""
    folder = resource_folder("policies")
    found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MAIN}"))}
    return found | {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_policy(where: str | Path) -> Path:
    """Return the folder or overlay file of a policy, by its path or by the name of a shipped one.

    Raises:
        PolicyError: there is no such policy.
    """
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


def read_sources(where: str | Path) -> Sources:
    """Return the merged document of a policy, its files, and all findings of reading them.

    Raises:
        PolicyError: there is no such policy.
    """
    sources = Sources()
    _read(find_policy(where), "", sources, ())
    return sources


def _read(place: Path, prefix: str, sources: Sources, chain: tuple[Path, ...]) -> None:
    folder, name = (place, MAIN) if place.is_dir() else (place.parent, place.name)
    main = _file(folder, name, prefix, sources)
    if main is None:
        return
    extends = main.get("extends")
    if isinstance(extends, Scalar):
        _extend(folder, main, extends, prefix, sources, (*chain, place.resolve()))
        return
    parts = [main, *_included(folder, main, prefix, sources)]
    sources.document = _merge(main, parts, sources.problems)


def _extend(
    folder: Path, main: Mapping, extends: Scalar, prefix: str, sources: Sources, chain: tuple[Path, ...]
) -> None:
    base = _base(folder, extends, sources)
    if base is None:
        return
    if base.resolve() in chain or len(chain) > DEEPEST_EXTENDS:
        names = " → ".join(place.name for place in (*chain, base))
        message = f"overlays extend each other in a circle: {names}"
        sources.problems.append(problem_at(extends, "cycle", message, "an overlay extends a policy in the end"))
        return
    _read(base, f"{prefix}{PurePosixPath(extends.text).stem}/", sources, chain)
    if sources.document is None:
        return
    document, problems = overlay.apply(sources.document, main)
    sources.problems += problems
    sources.document = _renamed(document, main)
    sources.problems += validate(sources.document)


def _base(folder: Path, extends: Scalar, sources: Sources) -> Path | None:
    beside = folder / extends.text
    if extends.text in shipped():
        return shipped()[extends.text]
    if (beside / MAIN).is_file() or (beside.is_file() and beside.suffix == ".yaml"):
        return beside
    hint = (
        did_you_mean(extends.text, shipped())
        or f"a shipped policy ({', '.join(shipped())}) or a path relative to this file"
    )
    sources.problems.append(problem_at(extends, "no-such-policy", f"there is no policy {extends.text}", hint))
    return None


def _renamed(document: Mapping, main: Mapping) -> Mapping:
    """Return the overlaid document under the overlay's own name, version and title."""
    own = {key.text: (key, value) for key, value in main.entries if key.text in ("policy", "version", "title", "why")}
    kept = tuple(own.pop(key.text, (key, value)) for key, value in document.entries)
    return Mapping((*kept, *own.values()), document.source, document.line, document.column)


def _content(folder: Path, name: str) -> bytes:
    """Return a file's bytes; a link that leads out of the folder, a pipe and a device are not read."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OSError(f"{name} leads out of the policy's folder")
    if path.exists() and not path.is_file():
        raise OSError(f"{name} is no regular file")
    with path.open("rb") as stream:
        return stream.read(LARGEST_FILE + 1)


def _file(folder: Path, name: str, prefix: str, sources: Sources, asked: Scalar | None = None) -> Mapping | None:
    try:
        content = _content(folder, name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"{name} cannot be read: {reason}"
        known = [path.name for path in folder.glob("*.yaml") if path.is_file() and path.name != MAIN]
        hint = did_you_mean(name, known)
        sources.problems.append(
            problem_at(asked, "bad-include", message, hint)
            if asked
            else Problem("bad-include", message, Location(prefix + name, 1, 1))
        )
        return None
    sources.files[prefix + name] = content
    node, problems = parse_document(content, prefix + name)
    sources.problems += problems
    if isinstance(node, Mapping):
        places = {problem.location for problem in problems}
        part = "include" if asked else "overlay" if "extends" in node else "policy"
        sources.problems += [found for found in validate(node, part=part) if found.location not in places]
        return node
    if node is not None:
        sources.problems.append(
            problem_at(node, "wrong-type", "a policy file is a mapping: `name: value` on each line")
        )
    return None


def _included(folder: Path, main: Mapping, prefix: str, sources: Sources) -> list[Mapping]:
    include = main.get("include")
    parts = []
    for item in include.items if isinstance(include, Sequence) else ():
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
        found = _file(folder, item.text, prefix, sources, item)
        if found is not None:
            parts.append(found)
    return parts


def _merge(main: Mapping, parts: list[Mapping], problems: list[Problem]) -> Mapping:
    """Return the main document with the sections of all files joined; a name that two files give is a finding."""
    entries: list[tuple[Scalar, Node]] = [(key, value) for key, value in main.entries if key.text not in SECTIONS]
    for section in SECTIONS:
        joined: dict[str, tuple[Scalar, Node]] = {}
        head = next((part.key(section) for part in parts if section in part), None)
        for part in parts:
            found = part.get(section)
            for key, value in found.entries if isinstance(found, Mapping) else ():
                if key.text in joined:
                    first = joined[key.text][0].location
                    problems.append(
                        problem_at(key, "duplicate-key", f"{key.text} is given in {first.file}:{first.line} already")
                    )
                joined.setdefault(key.text, (key, value))
        if head is not None:
            entries.append((head, Mapping(tuple(joined.values()), head.source, head.line, head.column)))
    return Mapping(tuple(entries), main.source, main.line, main.column)
