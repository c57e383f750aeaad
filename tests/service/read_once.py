"""The shipped policies read and their tests run once for all tests, instead of at each start of a service."""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from rulecap import Policy, load_policy
from rulecap.policy.shelf import find_policy, shipped
from rulecap.service import facade, in_force

READ, TESTED = in_force.read, in_force.tested


@cache
def _known(name: str) -> tuple[Policy, dict[str, Any]]:
    policy = READ(name)
    return policy, TESTED(policy, name)


def _shipped(where: Any) -> bool:
    """Return whether that is a shipped policy, and not one that a test has written and edits."""
    return where in shipped() and find_policy(where) == shipped()[where]


def _load(where: Any) -> Policy:
    return _known(where)[0] if _shipped(where) else load_policy(where)


def _read(where: str) -> Policy:
    return _known(where)[0] if _shipped(where) else READ(where)


def _tested(policy: Policy, where: str) -> dict[str, Any]:
    if not _shipped(where) or policy is not _known(where)[0]:
        return TESTED(policy, where)
    return deepcopy(_known(where)[1])


def share(patch: pytest.MonkeyPatch) -> None:
    """Have whoever starts take what is known."""
    patch.setattr(in_force, "read", _read)
    patch.setattr(in_force, "tested", _tested)
    patch.setattr(facade, "load_policy", _load)
