"""ccxt's client of a venue, made safe: nothing secret is logged, half an answer is an error, nothing is made up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from rulecap.exchange.errors import VenueError, may_pass
from rulecap.exchange.keys import Keys, RedactingLogger
from rulecap.exchange.numbers import first, number, part
from rulecap.exchange.pace import Pace
from rulecap.exchange.settings import ExchangeSettings
from rulecap.exchange.unneeded import Asides
from rulecap.exchange.venues import UNKNOWN, Venue, venue_of
from rulecap.problems import did_you_mean, shown

# A number as a text with a blank before or after it: for ccxt "0.2 " is 0.02.
BLANKS = re.compile(r'"(?:[ \t]+([-+.\d][-+.\deE]*)[ \t]*|([-+.\d][-+.\deE]*)[ \t]+)"')
# So long an order is good for, at a venue that can be told: none may be taken when it was given up for lost.
GOOD_FOR_MS = 10_000


def open_client(settings: ExchangeSettings, keys: Keys) -> Any:
    """Return an asynchronous ccxt client; it connects when first asked.

    Raises:
        VenueError: `not-supported`, ccxt is not installed; `unknown-venue`; `no-sandbox`.
    """
    client = _class_of(settings.venue)(_options(settings, keys))
    client.secrets_of(keys)
    client.asides = Asides()
    client.venue, client.quote = venue_of(settings.venue), settings.quote
    _name_errors(client, client.venue.named)
    if settings.sandbox:
        _use_sandbox(client, settings)
    if settings.origin:
        client.urls["api"] = _moved(client.urls["api"], settings.origin)
        client.timeout_on_exit = 0  # the wait is for TLS connections to close
    return client


def _class_of(venue: str) -> Any:
    """Return a class of ccxt's for the venue, with our guards around it."""
    try:
        library = import_module("ccxt.async_support")
    except ModuleNotFoundError as error:
        raise VenueError("not-supported", f"{error.name} is missing: pip install 'rulecap[exchange]'") from None
    if venue not in library.exchanges:
        hint = did_you_mean(venue, library.exchanges)
        raise VenueError("unknown-venue", f"ccxt knows no venue {shown(venue)}" + (f": {hint}" if hint else ""))
    return type(venue, (Guarded, getattr(library, venue)), {})


class Guarded:
    """What is put in front of each of ccxt's classes."""

    has: dict[str, Any]
    logger: Any
    venue = UNKNOWN
    quote: str
    asides: Asides
    left_out: tuple[Any, ...] = ()  # of the latest answer about positions
    wish: "Wish"  # of the latest answer

    def secrets_of(self, keys: Keys) -> None:
        """Log without what must not be seen."""
        self.logger = RedactingLogger(keys)

    def init_throttler(self, *_: object) -> None:
        """Ask no more than the venue allows, and count it by a clock that nobody sets."""
        self.throttler = Pace(self.tokenBucket)  # type: ignore[attr-defined]  # which ccxt's class has

    def log(self, *arguments: object) -> None:
        """Log what ccxt would print where it is verbose."""
        self.logger.debug(" ".join(map(str, arguments)))

    def sign(self, path: str, api: Any, method: str, params: Any, *rest: Any) -> Any:
        """Return a request, its parameters called what the venue calls them, good for a while."""
        worded = self.venue.worded.get(path)
        if worded:
            named = ((worded.get(name, name), value) for name, value in params.items())
            params = {name: value for name, value in named if name is not None}
        signed = super().sign(path, api, method, params, *rest)  # type: ignore[misc]  # ccxt's class, see _class_of
        deadline = self.venue.deadlines.get(path)
        if deadline is not None:
            until = int(self.nonce()) + GOOD_FOR_MS  # type: ignore[attr-defined]  # as above
            signed["headers"] = {**signed["headers"], deadline: str(until)}
        return signed

    def on_json_response(self, body: str) -> Any:
        """Return an answer's JSON, its numbers without blanks."""
        told = BLANKS.sub(lambda found: f'"{found[1] or found[2]}"', body)
        return super().on_json_response(told)  # type: ignore[misc]  # ccxt's class comes next, see _class_of

    def handle_errors(self, *answer: Any) -> Any:
        """Refuse an answer that was cut or is empty, and keep what the venue says about coming back later.

        ccxt hands a text that is no JSON on to parsers that find nothing in it: no balance, no positions.
        """
        status, headers, body, parsed = int(answer[0]), answer[4] or {}, answer[5], answer[6]
        if 200 <= status < 300 and parsed is None:
            raise VenueError("half-an-answer", f"the answer is no whole JSON: {len(body or '')} characters")
        # Of an answer that is no JSON, ccxt raises by the status, without looking here.
        self.wish = _wish(self.venue, status, headers, body if parsed is None else parsed)
        try:
            found = super().handle_errors(*answer)  # type: ignore[misc]  # as above
        except Exception as error:
            _remember(error, status, self.wish)
            raise
        if 200 <= status < 300:
            self._look_at(str(answer[2]), parsed)
        return found

    def _look_at(self, address: str, parsed: Any) -> None:
        """Refuse an answer without its list, and keep the positions that ccxt leaves out."""
        path = urlsplit(address).path
        for end, place in self.venue.lists.items():
            if path.endswith(end) and not self._has_list(end, parsed, place):
                raise VenueError("half-an-answer", f"the answer to {end} has no list")
        for end, place in self.venue.numbers.items():
            if path.endswith(end) and number(part(parsed, *place)) is None:
                raise VenueError("half-an-answer", f"the answer to {end} does not tell {place[-1]}")
        told = self.venue.left_out(path, parsed)
        self.left_out = self.left_out if told is None else told

    def _has_list(self, end: str, parsed: Any, place: tuple[str | int, ...]) -> bool:
        told, around = part(parsed, *place), part(parsed, *place[:-1])
        empty = end in self.venue.null_lists and isinstance(around, Mapping) and told is None and place[-1] in around
        return empty or isinstance(told, list)

    def handle_http_status_code(self, code: int, reason: str, url: str, method: str, body: str) -> None:
        """Raise what ccxt raises for a status, with the status; one that it has no name for is no answer either.

        ccxt would read on in what came with it: in the page of a gateway that lost patience there is no position.
        """
        try:
            super().handle_http_status_code(code, reason, url, method, body)  # type: ignore[misc]  # as above
            if not 200 <= code < 300:
                raise VenueError("venue-down", f"the answer has the status {code}")
        except Exception as error:
            _remember(error, code, self.wish)
            # No code came with it that says otherwise; for ccxt it is a venue that is away at some.
            error.limited = code == 429  # type: ignore[attr-defined]  # an exception takes what is noted on it
            raise

    async def fetch_markets(self, *asked: Any) -> Any:
        """Return the markets; a list without what the venue has is none, before ccxt forgets those that it knows."""
        found = await super().fetch_markets(*asked)  # type: ignore[misc]  # as above
        settled = {one.get("settle") for one in found if one.get("swap") and one.get("linear")}
        if self.venue.markets_by_currency and self.quote not in settled:
            raise VenueError("half-an-answer", f"the list of markets has no linear perpetual in {self.quote}")
        if self.venue is not UNKNOWN and not settled:
            raise VenueError("half-an-answer", "the list of markets has no linear perpetual")
        return [self.venue.corrected(one) for one in found]

    async def load_leverage_brackets(self, *asked: Any) -> Any:
        """Load what positions are read with; a position tells its margins itself, and goes without."""
        load = super().load_leverage_brackets  # type: ignore[misc]  # as above
        return await self.asides.instead("the brackets", lambda: load(*asked), {})

    async def is_unified_enabled(self, *asked: Any) -> Any:
        """Return whether the account is unified; where that is not told it is asked as one, and only one answers."""
        enabled = super().is_unified_enabled  # type: ignore[misc]  # as above
        return await self.asides.instead("whether the account is unified", lambda: enabled(*asked), [False, True])

    async def handle_uta_and_params(self, params: Any, *asked: Any) -> Any:
        """Return whether an account at Bitget is unified; where that is not told it is asked as one that is not.

        The venue answers of no other; and it is asked again, while ccxt would take any failure for its word.
        """
        told, rest = self.handle_option_and_params(params, asked[0], "uta")  # type: ignore[attr-defined]  # as above
        if told is None and self.check_required_credentials(False):  # type: ignore[attr-defined]  # as above
            told = await self.asides.instead("whether the account is unified", self._is_unified, None)
            self.options["uta"] = told  # type: ignore[attr-defined]  # as above
        return [told is True, rest]

    async def _is_unified(self) -> bool:
        try:
            await self.privateUtaGetV3AccountSettings()  # type: ignore[attr-defined]  # as above
        except Exception as error:
            # A venue that looked at the question and does not answer it says so of an account that is none.
            if may_pass(error):
                raise
            return False
        return True

    def safe_balance(self, balance: dict[str, Any]) -> dict[str, Any]:
        """Return a balance as the venue tells it: ccxt would take what is free for total minus used."""
        parts = ("info", "timestamp", "datetime", "free", "used", "total", "debt")
        told = {
            code: {name: held.get(name) for name in ("free", "used", "total")}
            for code, held in balance.items()
            if code not in parts and isinstance(held, dict)
        }
        return {**balance, **told}

    def filter_by_currency_since_limit(self, entries: Any, code: str | None = None, *bounds: Any) -> Any:
        """Return a ledger's entries in every currency: whether an answer is full, the venue counts them all.

        One without its time ccxt would leave out.
        """
        if any(one.get("timestamp") is None for one in entries):
            raise VenueError("half-an-answer", "an entry of the ledger lacks its time")
        return super().filter_by_currency_since_limit(entries, None, *bounds)  # type: ignore[misc]  # as above

    def safe_position(self, position: dict[str, Any]) -> dict[str, Any]:
        """Return a position as the venue tells it: ccxt would work out sizes, liquidation prices and margins."""
        return {**position, **self.venue.retold(position)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What an answer says about asking again.

    Attributes:
        banned: whether this address is banned.
        seconds: until it may come back; None where that is not told.
        passing: whether the venue says that it is only busy.
        refusal: whether it says of an order that it is none that can be taken.
    """

    banned: bool
    seconds: float | None
    passing: bool
    refusal: bool


def _wish(venue: Venue, status: int, headers: Mapping[str, str], answer: Any) -> Wish:
    """Return the venue's wish; what is no number of seconds is none."""
    said = {name.lower(): str(value) for name, value in headers.items()}
    ban, until = venue.ban(status, answer), venue.back(said, answer)
    wish = said.get("retry-after", "")
    seconds = (float(wish) if wish.isdecimal() else None, ban or None, until)
    return Wish(status == 418 or ban is not None, first(*seconds), venue.passing(answer), venue.refuses(answer))


def _remember(error: Exception, status: int, wish: Wish) -> None:
    """Note status and the venue's wish on an error of ccxt's."""
    error.status = status  # type: ignore[attr-defined]  # an exception takes what is noted on it
    error.banned = wish.banned  # type: ignore[attr-defined]  # as above
    error.passing = wish.passing  # type: ignore[attr-defined]  # as above
    error.refusal = wish.refusal  # type: ignore[attr-defined]  # as above
    error.retry_after = wish.seconds  # type: ignore[attr-defined]  # as above


def _options(settings: ExchangeSettings, keys: Keys) -> dict[str, Any]:
    """Return the settings in ccxt's words."""
    options: dict[str, Any] = {
        "enableRateLimit": True,
        "timeout": int(settings.timeout_seconds * 1000),
        "options": {"defaultType": "swap", "defaultSubType": "linear", **venue_of(settings.venue).options},
        "apiKey": keys.key,
        "secret": keys.secret,
        "password": keys.password,
    }
    if settings.milliseconds_per_weight is not None:
        options["rateLimit"] = max(settings.milliseconds_per_weight, 1e-3)
    return options


def _name_errors(client: Any, named: Mapping[str, str]) -> None:
    """Have ccxt raise what the venue means by codes of which it has no name, or a wrong one."""
    if named:
        classes = import_module("ccxt.base.errors")
        exact = {code: getattr(classes, name) for code, name in named.items()}
        client.exceptions = {**client.exceptions, "exact": {**client.exceptions["exact"], **exact}}


def _use_sandbox(client: Any, settings: ExchangeSettings) -> None:
    """Turn to the venue's demo environment where it has one for futures, else to its test network."""
    if venue_of(settings.venue).demo:
        client.enable_demo_trading(True)
    elif client.urls.get("test"):
        client.set_sandbox_mode(True)
    else:
        raise VenueError("no-sandbox", f"{settings.venue} has no test environment that ccxt knows")


def _moved(addresses: Any, origin: str) -> Any:
    """Return addresses with scheme and host replaced; they are a text, or nested under names."""
    if isinstance(addresses, dict):
        return {name: _moved(address, origin) for name, address in addresses.items()}
    return origin + urlsplit(addresses).path
