"""The decisions over HTTP: the specification's endpoints, beside a policy that reloads and a log of every answer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rulecap.service.app import create_app
    from rulecap.service.demo import DemoSource
    from rulecap.service.facade import CapitalOrchestrator, DynamicCapitalManager, MarginMonitor
    from rulecap.service.settings import ServiceSettings, read_settings
    from rulecap.service.sources import AccountPart, MarketPart, Source, SourceError, UnknownSymbol
    from rulecap.service.venue import exchange_source

# Each public name and the module that has it, imported when first needed: the command line's own keys need no FastAPI.
_HOMES = {
    "AccountPart": "rulecap.service.sources",
    "CapitalOrchestrator": "rulecap.service.facade",
    "DemoSource": "rulecap.service.demo",
    "DynamicCapitalManager": "rulecap.service.facade",
    "MarginMonitor": "rulecap.service.facade",
    "MarketPart": "rulecap.service.sources",
    "ServiceSettings": "rulecap.service.settings",
    "Source": "rulecap.service.sources",
    "SourceError": "rulecap.service.sources",
    "UnknownSymbol": "rulecap.service.sources",
    "create_app": "rulecap.service.app",
    "exchange_source": "rulecap.service.venue",
    "read_settings": "rulecap.service.settings",
}

__all__ = [
    "AccountPart",
    "CapitalOrchestrator",
    "DemoSource",
    "DynamicCapitalManager",
    "MarginMonitor",
    "MarketPart",
    "ServiceSettings",
    "Source",
    "SourceError",
    "UnknownSymbol",
    "create_app",
    "exchange_source",
    "read_settings",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rulecap.service' has no attribute {name!r}")
    return getattr(import_module(home), name)
