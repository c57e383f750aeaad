"""The spine: files → merged document → schema → checked policy; all or nothing, every finding at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rulecap.policy.check import check_policy
from rulecap.policy.sources import Sources, read_sources, stored_sources
from rulecap.policy.typed import TypedPolicy
from rulecap.problems import PolicyError, Problem


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked policy with its sources and warnings."""

    policy: TypedPolicy
    sources: Sources
    warnings: tuple[Problem, ...]


def load(where: str | Path) -> Loaded:
    """Return the checked policy in a folder, in an overlay file, or of a shipped name.

    Raises:
        PolicyError: with every finding, in the order of file and line.
    """
    return _checked(read_sources(where))


def load_files(files: Mapping[str, bytes]) -> Loaded:
    """Return the checked policy that stored files are, by those alone.

    Raises:
        PolicyError: with every finding, in the order of file and line.
    """
    return _checked(stored_sources(files))


def load_as_then(files: Mapping[str, bytes]) -> Loaded:
    """Return the policy that stored files are, as the version that took it did: to compute what is on record again.

    What later versions refuse of it, though they know what it means, is among its warnings.

    Raises:
        PolicyError: with every finding, where it is no policy by what earlier versions knew either.
    """
    return _checked(stored_sources(files), then=True)


def _checked(sources: Sources, then: bool = False) -> Loaded:
    problems = list(sources.problems)
    policy = check_policy(sources.document, problems) if sources.document is not None else None
    # Of a main file that could not be read nobody knows what it includes; a bad name may be the one that was meant.
    if not any(one.severity == "error" for one in sources.problems) and not any(map(_includes, problems)):
        problems += sources.beside
    errors = [problem for problem in problems if problem.severity == "error" and not (then and problem.later)]
    if policy is None or errors:
        raise PolicyError(_in_order(problems))
    return Loaded(policy, sources, tuple(_in_order(problems)))


def _includes(problem: Problem) -> bool:
    """Tell whether a finding is about what is included."""
    return problem.code == "bad-include" or problem.source_line.lstrip().startswith("include:")


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Return each finding once, by file, line and column; first what may be the reason for many others."""
    unique = dict.fromkeys(problems)
    return sorted(
        unique,
        key=lambda one: (
            one.code != "not-included",
            one.location is None,
            one.location and (one.location.file, one.location.line, one.location.column),
        ),
    )
