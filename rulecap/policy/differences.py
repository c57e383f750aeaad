"""What two policies say differently: value by value, under the paths that an overlay would name."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rulecap.policy.meaning import CASES, FREE, NO_MEANING, SAID, SHOWN
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, plain, text_at
from rulecap.policy.overlay import SECTIONS
from rulecap.problems import cut

SECTION, PARAMETER, CASE = "(section)", "(parameter)", "(case)"  # what no key is called
OWN_NAMES = ("rules", "parameters")  # what stands in them is named without its section
LONGEST = 80
TEXTS: frozenset[str] = frozenset(NO_MEANING)
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is another one, or that only one of the two has.

    Attributes:
        path: as an overlay names it, such as `drawdown.HEAVY.size`.
        before: what the first policy says, none where it says nothing.
        after: what the second one says.
        was_at: where the first one says it, `file:line`.
        is_at: where the second one does.
    """

    path: str
    before: str | None
    after: str | None
    was_at: str | None
    is_at: str | None

    @property
    def said(self) -> str:
        """What changed, in words."""
        if self.before is None:
            return f"new: {self.after}"
        return "left out" if self.after is None else f"{self.before} → {self.after}"

    def to_dict(self) -> dict[str, str | None]:
        """Return it as JSON types, with stable keys."""
        return asdict(self)


def differences(before: Mapping, after: Mapping) -> list[Difference]:
    """Return what differs between two merged documents, in what changes an answer: what `meaning` is a digest of."""
    found: list[Difference] = []
    for section in (one for one in SECTIONS if one != SHOWN):
        ours, theirs = before.get(section), after.get(section)
        if isinstance(ours, Mapping) or isinstance(theirs, Mapping):
            path = () if section in OWN_NAMES else (section,)
            found += _keys(path, _mapping(ours, after), _mapping(theirs, before), SECTION, NOTHING)
    return found


def _mapping(node: Node | None, other: Mapping) -> Mapping:
    """Return a section, an empty one where the policy has none."""
    return node if isinstance(node, Mapping) else Mapping((), other.source, 1, 1)


def _keys(path: tuple[str, ...], ours: Mapping, theirs: Mapping, below: str, texts: frozenset[str]) -> list[Difference]:
    names = [*(name for name, _ in ours.items()), *(name for name, _ in theirs.items() if name not in ours)]
    found: list[Difference] = []
    for name in names:
        if name in texts:
            continue
        first, second = ours.get(name), theirs.get(name)
        inner = path if below == PARAMETER and name == "value" else (*path, name)
        found += _nodes(inner, first, second, name, _texts(name, below, texts))
    return found


def _texts(name: str, below: str, texts: frozenset[str]) -> frozenset[str]:
    """Return which keys below this one only explain, as `meaning` has it."""
    if below == SECTION:
        return TEXTS
    if name in FREE or below == CASE or not texts:
        return NOTHING
    return TEXTS - {"why"} if name in SAID else TEXTS


def _nodes(
    path: tuple[str, ...], ours: Node | None, theirs: Node | None, name: str, texts: frozenset[str]
) -> list[Difference]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return _keys(path, ours, theirs, _kind(path, name, ours), texts)
    if isinstance(ours, Sequence) and isinstance(theirs, Sequence):
        return _lists(path, ours, theirs, name, texts)
    if ours is not None and theirs is not None and plain(ours) == plain(theirs):
        return []
    return [_difference(path, ours, theirs)]


def _kind(path: tuple[str, ...], name: str, node: Mapping) -> str:
    """Return what a mapping is, where its keys are read otherwise than others."""
    if len(path) == 1 and "value" in node:
        return PARAMETER
    return CASE if name in CASES or (name == "otherwise" and "branches" not in node) else name


def _lists(
    path: tuple[str, ...], ours: Sequence, theirs: Sequence, name: str, texts: frozenset[str]
) -> list[Difference]:
    first, second = _named(ours), _named(theirs)
    if first is None or second is None:
        return _numbered(path, ours, theirs, name, texts)
    found: list[Difference] = []
    for item in dict.fromkeys([*first, *second]):
        found += _nodes((*path[:-1], item), first.get(item), second.get(item), name, texts)
    shared = [[item for item in names if item in first and item in second] for names in (first, second)]
    if shared[0] != shared[1]:
        place = [node.location.spot for node in (ours, theirs)]
        found.append(Difference(".".join(path), ", ".join(first), ", ".join(second), *place))
    return found


def _numbered(
    path: tuple[str, ...], ours: Sequence, theirs: Sequence, name: str, texts: frozenset[str]
) -> list[Difference]:
    """Compare lists whose items have no names: item by item where they are as many mappings, else as a whole."""
    alike = len(ours.items) == len(theirs.items)
    if not alike or not all(isinstance(item, Mapping) for item in (*ours.items, *theirs.items)):
        return [] if plain(ours) == plain(theirs) else [_difference(path, ours, theirs)]
    return [
        found
        for number, (first, second) in enumerate(zip(ours.items, theirs.items, strict=True))
        for found in _nodes((*path, str(number)), first, second, name, texts)
    ]


def _named(items: Sequence) -> dict[str, Node] | None:
    """Return the items by their names; none where one has no name of its own."""
    found: dict[str, Node] = {}
    for item in items.items:
        name = text_at(item, "name")
        if name is None or name in found:
            return None
        found[name] = item
    return found


def _difference(path: tuple[str, ...], ours: Node | None, theirs: Node | None) -> Difference:
    texts = [_written(node) if node is not None else None for node in (ours, theirs)]
    places = [node.location.spot if node is not None else None for node in (ours, theirs)]
    return Difference(".".join(path), *texts, *places)


def _written(node: Node) -> str:
    """Return a value on one line, as YAML's braces would have it."""
    return cut("".join(_flow(node)), LONGEST)


def _flow(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
        return
    yield "{" if isinstance(node, Mapping) else "["
    entries = node.entries if isinstance(node, Mapping) else tuple((None, item) for item in node.items)
    for number, (key, value) in enumerate(entries):
        yield ", " * (number > 0) + (f"{key.text}: " if key is not None else "")
        yield from _flow(value)
    yield "}" if isinstance(node, Mapping) else "]"
