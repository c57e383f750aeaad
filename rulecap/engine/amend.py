"""A snapshot with some of its values replaced: what a test changes about the situation it starts from."""

import copy
from collections.abc import Iterable
from typing import Any

Json = Any
Changes = Iterable[tuple[str, Json]]


def amended(snapshot: dict[str, Json], changes: Changes) -> dict[str, Json]:
    """Return a copy of the snapshot with each path set to its value, or removed where the value is None.

    Paths are dotted, with indexes into lists: `positions.0.score`. Missing parts are created; an index one past the end
    of a list appends to it.

    Raises:
        ValueError: a path leads through something that is neither a part nor a list, or to an index beyond a list.
    """
    changed = copy.deepcopy(snapshot)
    for path, value in changes:
        _set(changed, path, value)
    return changed


def without_none(value: Json) -> Json:
    """Return the value with None for each text `none`, and without the keys of a mapping whose value is None."""
    if isinstance(value, dict):
        kept = {key: without_none(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return None if value == "none" else value


def _set(snapshot: dict[str, Json], path: str, value: Json) -> None:
    *parents, last = path.split(".")
    holder: Json = snapshot
    for number, name in enumerate(parents):
        key = _key(holder, name, path)
        if isinstance(holder, list):
            holder = holder[key] if key < len(holder) else _appended(holder)
        else:
            if holder.get(key) is None:
                if value is None:
                    return
                holder[key] = [] if [*parents, last][number + 1].isdigit() else {}
            holder = holder[key]
    _put(holder, _key(holder, last, path), value)


def _key(holder: Json, name: str, path: str) -> Any:
    """Return the name as what its holder is indexed with."""
    if isinstance(holder, dict):
        return name
    if not isinstance(holder, list):
        raise ValueError(f"{path}: {name} is looked for in {holder!r}, which has no parts")
    if not name.isdigit() or int(name) > len(holder):
        raise ValueError(f"{path}: {name} is no index of a list of {len(holder)}")
    return int(name)


def _appended(holder: list[Json]) -> Json:
    holder.append({})
    return holder[-1]


def _put(holder: Json, key: Any, value: Json) -> None:
    if value is None:
        if isinstance(holder, dict):
            holder.pop(key, None)
        elif key < len(holder):
            del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value
