"""Policy-as-code for trading capital: rules in YAML, decisions with a trace of every adjustment."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rulecap.version import __version__

if TYPE_CHECKING:
    from rulecap.engine.decision import Decision
    from rulecap.engine.policy import Policy, load_policy, policy_from_files
    from rulecap.engine.trace import Trace
    from rulecap.location import Location
    from rulecap.problems import PolicyError, Problem
    from rulecap.snapshot import Snapshot

# Each public name and the module that has it, imported when first needed: importing rulecap stays light.
_HOMES = {
    "Decision": "rulecap.engine.decision",
    "Location": "rulecap.location",
    "Policy": "rulecap.engine.policy",
    "PolicyError": "rulecap.problems",
    "Problem": "rulecap.problems",
    "Snapshot": "rulecap.snapshot",
    "Trace": "rulecap.engine.trace",
    "load_policy": "rulecap.engine.policy",
    "policy_from_files": "rulecap.engine.policy",
}

__all__ = [
    "Decision",
    "Location",
    "Policy",
    "PolicyError",
    "Problem",
    "Snapshot",
    "Trace",
    "__version__",
    "load_policy",
    "policy_from_files",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rulecap' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
