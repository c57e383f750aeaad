"""What a venue can be asked, question by question, and the name of what is missed where it does not answer."""

import pytest

from rulecap.exchange import reading, unneeded
from tests.venue import binance, bitget, bybit, okx

ROUTES = {
    "binanceusdm": {*binance.PUBLIC, *binance.SIGNED},
    "bybit": {*bybit.PUBLIC, *bybit.SIGNED},
    "okx": {*okx.PUBLIC, *okx.SIGNED, *okx.EACH},
    "bitget": {*bitget.PUBLIC, *bitget.SIGNED},
}
PATHS = [(name, path) for name, routes in ROUTES.items() for path in sorted({one.split()[1] for one in routes})]
MARKETS = {"v1/exchangeInfo", "market/instruments-info", "public/instruments", "v2/mix/market/contracts"}
# Without these nothing is known of the account, or of its markets: these, balance and margin, positions.
NEEDED = {
    *MARKETS,
    *("v3/account", "v3/positionRisk"),
    *("account/wallet-balance", "position/list"),
    *("account/balance", "account/positions"),
    *("v2/mix/account/accounts", "v2/mix/position/all-position"),
}
# The name of what is missed of the account where one of the others is not answered.
UNKNOWN = {
    "v1/time": "time-unknown",
    "market/time": "time-unknown",
    "public/time": "time-unknown",
    "v2/public/time": "time-unknown",
    "v1/multiAssetsMargin": "mode-unknown",
    "account/info": "mode-unknown",
    "account/config": "mode-unknown",
    "v1/symbolConfig": "leverage-unknown",
    "v1/income": "deposits-unknown",
    "account/transaction-log": "deposits-unknown",
    "account/bills": "deposits-unknown",
    "v2/mix/account/bill": "deposits-unknown",
}


def ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time and mode asked for anew at each reading, whatever became of them before."""
    for module, name in (
        (reading, "CLOCK_SECONDS"),
        (reading, "MODE_SECONDS"),
        (unneeded, "LATER_SECONDS"),
        (unneeded, "LATER_TIMES"),
    ):
        monkeypatch.setattr(module, name, 0.0)
