"""A model of a venue and of the world around a monitor, for the tests of what may happen to orders."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

from rulecap.exchange.errors import VenueError
from rulecap.exchange.orders import CANCELLED, FILLED, OPEN, OrderState
from rulecap.monitor.clock import Clock
from rulecap.monitor.execution import Decided

POSITIONS = (("BTCUSDT", "LONG"), ("BTCUSDT", "SHORT"), ("ETHUSDT", "LONG"))
FATES = (
    "fills",
    "fills",
    "fills in part",
    "rests",
    "expires in part",
    "is refused",
    "only got",  # an acknowledgement that tells no state
    "answer lost, fills",
    "answer lost, rests",
    "lost",
    "late, fills",
    "late, rests",
    "killed, late, fills",
    "killed, late, rests",
    "not sent",
    "slow",
)
TIMEOUT_SECONDS = 10.0
# What a request that was given up may still be under way for: less than its signature is good for.
LATE_SECONDS = 14.0
SLOW_SECONDS = 45.0
# The venue refuses what is signed by a clock that is so wrong.
MOST_SKEW_SECONDS = 5.0
FRESH_SECONDS = 60.0
# Venues tell of what has ended for days.
FORGETS_AFTER_SECONDS = 120.0
UNDERWAY = "UNDERWAY"


class Killed(BaseException):
    """The process dies here."""


class Unreadable(Exception):
    """The account cannot be read."""


@dataclass
class Time:
    """True time, and the machine's clock, which somebody may have set wrong."""

    at: float = 1_000_000.0
    ahead: float = 0.0
    arrivals: list = field(default_factory=list)

    def clock(self):
        """Return the monitor's clock."""
        return Clock(lambda: datetime.fromtimestamp(self.at + self.ahead, UTC), lambda: self.at)

    def advance(self, seconds):
        """Let time pass, and what is under way arrive."""
        until = self.at + seconds
        for moment, arrive in sorted(self.arrivals, key=lambda one: one[0]):
            if moment <= until:
                self.arrivals = [one for one in self.arrivals if one[1] is not arrive]
                self.at = max(self.at, moment)
                arrive()
        self.at = until


@dataclass
class Events:
    """What is to go wrong at which of the next events: each statement of the journal and each call has two."""

    left: int | None = None
    disk: tuple | None = None
    set_clock: tuple | None = None
    written: int = 0

    def calm(self):
        self.left = self.disk = self.set_clock = None
        self.written = 0

    def passed(self):
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.left = None
                raise Killed
        if self.set_clock is not None:
            left, act = self.set_clock
            self.set_clock = (left - 1, act) if left > 1 else None
            if left <= 1:
                act()

    def disk_fails(self):
        self.written += 1
        if self.disk is None:
            return None
        first, until, when = self.disk
        return when if first < self.written <= until else None


@dataclass
class Taken:
    """An order as the venue has it, or will when it arrives."""

    position: tuple
    quantity: float
    status: str
    meant_at: float
    filled: float = 0.0
    forgotten: bool = False
    told: bool = False
    # Its market was taken off: if its end was not put down before, nobody tells what was filled.
    cut_off: bool = False

    @property
    def lives(self):
        return self.status in (UNDERWAY, OPEN)


class ModelVenue:
    """Takes orders or not, at once or late, answers or not; holds what must hold of each order that is sent."""

    def __init__(self, time, events):
        self.time, self.events = time, events
        self.fates, self.silent, self.lag, self.blind_until = [], "", 0.0, 0.0
        self.sizes = {one: [(0.0, 6.0)] for one in POSITIONS}
        self.by_hand_since = {}
        self.off = set()
        self.taken, self.names = {}, set()
        self.seen_at = self.facts_at = 0.0
        self.last_fill = dict.fromkeys(POSITIONS, -1.0)

    # What a test says.

    def size(self, position, moment=None):
        moment = self.time.at if moment is None else moment
        return [size for at, size in self.sizes[position] if at <= moment][-1]

    def set_size(self, position, size):
        self.sizes[position].append((self.time.at, size))

    def by_hand(self, position, size):
        self.by_hand_since[position] = self.time.at
        self.set_size(position, size)

    def go_on(self, what):
        for one in self.taken.values():
            if one.status == OPEN:
                if what != "expire":
                    self._fill(one, one.quantity if what == "fill" else (one.quantity + one.filled) / 2)
                else:
                    one.status = CANCELLED

    def forget(self):
        for one in self.taken.values():
            ended_at = max(one.meant_at, self.last_fill[one.position])
            one.forgotten = one.forgotten or not (one.lives or self.time.at - ended_at < FORGETS_AFTER_SECONDS)

    def take_off(self, symbol):
        """List a market no more: what is open there ends, and no order in it is told of."""
        self.off.add(symbol)
        for one in self.taken.values():
            if one.position[0] == symbol:
                one.cut_off = True
                one.status = CANCELLED if one.status == OPEN else one.status

    def above(self, targets):
        return [one for one in POSITIONS if self.size(one) > targets[one]]

    def meant_at(self):
        # What nobody is told of any more cannot be counted.
        return [one.meant_at for one in self.taken.values() if not one.forgotten]

    def read(self):
        """Return the sizes that the account tells, which may be those of a moment ago."""
        self._skew(Unreadable)
        self.seen_at, self.facts_at = self.time.at, self.time.at - self.lag
        self.time.advance(1.0)
        return {one: self.size(one, self.facts_at) for one in POSITIONS}

    # What the monitor asks.

    async def place_reduction(self, action, client_order_id, within_seconds=None, held_then=None):
        self.events.passed()
        assert action["reduce_only"] is True
        position = action["symbol"], action["side"]
        fate = self.fates.pop() if self.fates else "fills"
        meant_at = self.time.at
        self._prepared(fate, within_seconds)
        self._listed(position[0])
        held = self.size(position)
        if held == 0.0:
            raise VenueError("nothing-to-reduce", "gone")
        gone = max(0.0, (held if held_then is None else held_then) - held)
        quantity = min(action["quantity"] - gone, held)
        if quantity <= 0.0:
            raise VenueError("nothing-to-reduce", "as much has gone by itself")
        self._hold(client_order_id, position)
        state = self._sent(fate, client_order_id, Taken(position, quantity, UNDERWAY, meant_at))
        self.events.passed()
        return state

    def _prepared(self, fate, within_seconds):
        if fate == "not sent":
            raise VenueError("venue-down", "?")
        if fate == "slow":
            longest = SLOW_SECONDS if within_seconds is None else within_seconds
            self.time.advance(min(longest, SLOW_SECONDS))
            if longest < SLOW_SECONDS:
                raise VenueError("too-late", "?")
        self._skew(lambda: VenueError("clock-skew", "?"))

    def _hold(self, name, position):
        """Hold what must be true of an order when it is sent."""
        assert name not in self.names, "sent twice"
        self.names.add(name)
        lives = [one for one in self.taken.values() if one.position == position and one.lives]
        assert lives == [], "two orders that can both fill"
        assert self.time.at - self.seen_at <= FRESH_SECONDS + 1.0, "a view that is too old"
        assert self.facts_at >= self.last_fill[position], "a view from before the last fill"

    def _sent(self, fate, name, one):
        if fate == "is refused":
            raise VenueError("order-refused", "?")
        if fate != "lost":
            self.taken[name] = one
            if "late, " in fate:
                arrives = self.time.at + TIMEOUT_SECONDS + LATE_SECONDS
                self.time.arrivals.append((arrives, lambda: self._arrive(one, fate)))
            else:
                self._arrive(one, fate)
        if fate.startswith("killed"):
            raise Killed
        if fate == "lost" or fate.startswith(("late", "answer lost")):
            self.events.passed()
            self.time.advance(TIMEOUT_SECONDS)
            raise VenueError("order-uncertain", "?")
        if fate == "only got":
            return OrderState(name, "1", one.position[0], "sell", None, None, None, None)
        return self._state(name)

    def _listed(self, symbol):
        if symbol in self.off:
            raise VenueError("unknown-symbol", "?")

    def _arrive(self, one, fate):
        if one.position[0] in self.off:
            one.status, one.cut_off = CANCELLED, True
            return
        one.status = OPEN
        if fate.endswith("fills") or fate in ("only got", "slow"):
            self._fill(one, one.quantity)
        elif fate.endswith("in part"):
            self._fill(one, one.quantity / 2)
        if fate.startswith("expires") and one.status == OPEN:
            one.status = CANCELLED

    def _fill(self, one, filled):
        """Fill an order so far; what is not held any more cannot be, and ends it."""
        done = min(filled - one.filled, self.size(one.position))
        if done > 0:
            one.filled += done
            self.set_size(one.position, self.size(one.position) - done)
            self.last_fill[one.position] = self.time.at
        if one.filled >= one.quantity:
            one.status = FILLED
        elif self.size(one.position) == 0.0:
            one.status = CANCELLED

    def _state(self, name):
        one = self.taken[name]
        one.told = True
        return OrderState(name, "1", one.position[0], "sell", one.status, one.quantity, one.filled, 1.0)

    def _blind(self, one):
        return one.told and self.time.at < self.blind_until

    def _skew(self, raised):
        if abs(self.time.ahead) > MOST_SKEW_SECONDS:
            raise raised()

    async def order(self, client_order_id, symbol):
        self.events.passed()
        if self.silent == "lookups":
            self.time.advance(TIMEOUT_SECONDS)
            raise VenueError("venue-timeout", "?")
        self._skew(lambda: VenueError("clock-skew", "?"))
        self._listed(symbol)
        one = self.taken.get(client_order_id)
        if one is None or one.status == UNDERWAY or one.forgotten or self._blind(one):
            raise VenueError("order-not-found", "?")
        self.events.passed()
        return self._state(client_order_id)

    async def cancel(self, client_order_id, symbol):
        self.events.passed()
        self._skew(lambda: VenueError("clock-skew", "?"))
        self._listed(symbol)
        one = self.taken.get(client_order_id)
        if one is None or one.status != OPEN:
            raise VenueError("order-not-found", "?")
        one.status = CANCELLED
        self.events.passed()
        if self.silent == "cancelling's answer":
            raise VenueError("venue-timeout", "?")


def asked_for(venue, clock, targets, number, strange="", *, looks=True, whole=True):
    """Return a decision on the account as it is told now: what is above its target is reduced to it.

    Args:
        venue: tells the account.
        clock: the monitor's.
        targets: what is wanted of each position.
        number: the record's, where there is one.
        strange: what is strange about it.
        looks: whether the policy leaves out what is not traded.
        whole: whether all of the account is known, what was paid in among it; else the decision is on no record.
    """
    read_at = clock.seconds()
    seen = venue.read()
    above = [one for one in POSITIONS if seen[one] > targets[one] and not (looks and one[0] in venue.off)]
    asked = [reduction(one, seen[one] - targets[one]) for one in above]
    if strange == "twice":
        asked += asked
    elif strange == "too much":
        asked = [one | {"quantity": one["quantity"] if targets[one["symbol"], one["side"]] else 1e300} for one in asked]
    else:
        asked = STRANGE.get(strange, []) + asked
    return decided(number if whole else None, read_at, seen, asked, venue.seen_at)


@dataclass(frozen=True)
class Seen:
    """As much of a snapshot as orders are made from."""

    positions: list
    as_of: datetime
    account: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(id="a"))

    def model_dump(self, **_):
        return {"as_of": str(self.as_of)}


def decided(number, read_at, held, asked, as_of=None):
    """Return a decision about positions that are held, that asks for reductions; on no record without a number.

    Positions with their sizes, or without where the size is nothing that matters.
    """
    sizes = held if isinstance(held, dict) else dict.fromkeys(held, 1.0)
    positions = [SimpleNamespace(symbol=symbol, side=side, quantity=sizes[symbol, side]) for symbol, side in sizes]
    snapshot = Seen(positions, datetime.fromtimestamp(read_at if as_of is None else as_of, UTC))
    record = None if number is None else f"c0ffee000000-{number}"
    decision = SimpleNamespace(record_id=record, decision="margin", snapshot=snapshot, outputs={}, problems=())
    policy = SimpleNamespace(digest="d", reductions_of=lambda _: asked)
    return Decided(policy, decision, read_at)


def reduction(position, quantity, reduce_only=True):
    symbol, side = position
    return {"action": "REDUCE", "symbol": symbol, "side": side, "quantity": quantity, "reduce_only": reduce_only}


STRANGE = {
    "no reduction": [
        reduction(POSITIONS[0], quantity) for quantity in (float("nan"), -1.0, 0.0, float("inf"), None, "x")
    ],
    "not reduce-only": [reduction(POSITIONS[0], 1.0, only) for only in (False, None, "true", 1)],
    "unknown": [reduction(("NOPEUSDT", "LONG"), 1.0) | {"side": "BOTH"}, {"action": "REDUCE"}],
}


async def acted(execution, decided):
    """Return what was done about each action."""
    return [one async for one in execution.act(decided)]
