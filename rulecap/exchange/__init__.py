"""Exchanges through ccxt: a complete snapshot of an account and a market, and reduce-only orders."""

from rulecap.exchange.errors import VenueError
from rulecap.exchange.exchange import Exchange, open_exchange
from rulecap.exchange.flows import Deposits
from rulecap.exchange.orders import OrderState
from rulecap.exchange.settings import Credentials, ExchangeSettings, Retries
from rulecap.exchange.views import AccountView, Extras, MarketView

__all__ = [
    "AccountView",
    "Credentials",
    "Deposits",
    "Exchange",
    "ExchangeSettings",
    "Extras",
    "MarketView",
    "OrderState",
    "Retries",
    "VenueError",
    "open_exchange",
]
