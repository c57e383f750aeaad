"""Places in a policy as an editor or a shell finds them from here; JSON has them relative to the policy's folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rulecap.problems import Problem


def from_here(problems: "Iterable[Problem]", where: str | None) -> "list[Problem]":
    """Return the findings on the policy at `where` with its files as they are found from here."""
    from dataclasses import replace

    return [
        replace(one, location=replace(one.location, file=file_from_here(one.location.file, where)))
        if one.location is not None
        else one
        for one in problems
    ]


def file_from_here(name: str, where: str | None) -> str:
    """Return a file of the policy at `where` as it is found from here; what is none, or shipped, is called as it is."""
    place = Path(where or "")
    folder = place if place.is_dir() else place.parent
    return str(folder / name) if where and place.exists() and (folder / name).is_file() else name
