"""What can go wrong with a venue: one exception, with a code, whether another try may help, and no secret in it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

from rulecap.problems import Problem

# Whether a code's failure may pass: the same question, asked again, may be answered.
RETRIABLE = MappingProxyType(
    {
        "account-moving": True,
        "clock-skew": False,
        "half-an-answer": True,
        "inverse-contract": False,
        "keys-missing": False,
        "keys-unreadable": False,
        "leverage-unknown": True,
        "missing-field": False,
        "mode-unknown": True,
        "no-sandbox": False,
        "not-a-snapshot": False,
        "not-one-pool": False,
        "not-supported": False,
        "not-the-quote-currency": False,
        "nothing-to-reduce": False,
        "order-not-found": False,
        "order-refused": False,
        "order-uncertain": False,
        "quantity-too-small": False,
        "time-unknown": True,
        "too-late": False,
        "unknown-symbol": False,
        "unknown-venue": False,
        "venue-auth": False,
        "venue-banned": False,
        "venue-down": True,
        "venue-error": False,
        "venue-rate-limited": True,
        "venue-timeout": True,
    }
)
# What is wrong with the settings rather than with the venue.
CALLERS = frozenset({"unknown-venue", "no-sandbox", "keys-missing", "keys-unreadable"})

# The class of ccxt's that an error is or derives from, most special first, and our code for it.
CODES = (
    ("BadSymbol", "unknown-symbol"),
    ("InvalidNonce", "clock-skew"),
    ("AuthenticationError", "venue-auth"),
    ("OrderNotFound", "order-not-found"),
    ("InvalidOrder", "order-refused"),
    ("InsufficientFunds", "order-refused"),
    ("OperationRejected", "order-refused"),
    ("RateLimitExceeded", "venue-rate-limited"),
    ("DDoSProtection", "venue-rate-limited"),
    ("RequestTimeout", "venue-timeout"),
    ("BadResponse", "half-an-answer"),
    ("NetworkError", "venue-down"),
    ("OperationFailed", "venue-down"),
    ("NotSupported", "not-supported"),
)
# What a status says by itself, where ccxt has no name for the code beside it.
STATUSES: Mapping[int | None, str] = MappingProxyType({401: "venue-auth", 429: "venue-rate-limited"})
# What ccxt's own parsing raises when an answer lacks what it must have, or is nested too deep.
BROKEN_ANSWER = (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
LONGEST = 300


class VenueError(Exception):
    """A venue's answer cannot be had, or cannot be used.

    Attributes:
        code: a stable name in kebab-case, one of `RETRIABLE`.
        message: what is wrong, without keys, secrets or signatures.
        path: the place in a snapshot that cannot be filled, where it is about one.
        problems: every finding, where the venue's answers make no snapshot.
        retry_after: seconds after which the venue wants to be asked again, where it says.
        status: the HTTP status of the venue's answer, where one came.
        refusal: whether the venue says of an order that it is none that can be taken.
    """

    def __init__(self, code: str, message: str, path: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        """Keep what is wrong; the text is the message alone."""
        super().__init__(message)
        self.code, self.message, self.path, self.problems = code, message, path, problems
        self.retry_after: float | None = None
        self.status: int | None = None
        self.refusal = False

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...], dict[str, Any]]:
        """Have copies, and what another process raised, made of the parts again."""
        return type(self), (self.code, self.message, self.path, self.problems), self.__dict__

    @property
    def retriable(self) -> bool:
        """Whether the same question may be answered later."""
        return RETRIABLE[self.code]

    def problem(self) -> Problem:
        """Return it as a problem."""
        return Problem(self.code, self.message, path=self.path)


def translated(what: str, error: Exception, redacted: Callable[[str], str]) -> VenueError:
    """Return the error of ccxt, of the network or of a broken answer as ours.

    Args:
        what: what was asked, in words: it opens the message.
        error: what was raised.
        redacted: takes keys, secrets and signatures out of a text.
    """
    if isinstance(error, VenueError):
        return error
    code = _code(error)
    detail = " ".join(redacted(str(error)).split())[:LONGEST]
    translation = VenueError(code, f"{what}: {detail or type(error).__name__}")
    translation.retry_after, translation.status = getattr(error, "retry_after", None), getattr(error, "status", None)
    translation.refusal = getattr(error, "refusal", False)
    return translation


def is_of_the_venue(error: Exception) -> bool:
    """Whether an error may lie with the venue, its answer or the way there; what is none of these is a slip of ours."""
    if isinstance(error, (VenueError, OSError, *BROKEN_ANSWER)):
        return True
    return any(kind.__module__.startswith("ccxt.") for kind in type(error).__mro__)


def may_pass(error: Exception) -> bool:
    """Whether an error tells nothing of what was asked: it may pass, or the venue took no request at this time."""
    code = error.code if isinstance(error, VenueError) else _code(error)
    return RETRIABLE[code] or code in ("clock-skew", "venue-banned")


def _code(error: Exception) -> str:
    """Return the code for an error, by the class it is or derives from."""
    if getattr(error, "banned", False):
        return "venue-banned"
    if getattr(error, "limited", False):
        return "venue-rate-limited"
    names = {kind.__name__ for kind in type(error).__mro__}
    cause = {kind.__name__ for kind in type(error.__cause__).__mro__}
    if "ClientPayloadError" in cause:  # the connection ended before the answer did; ccxt calls that an ExchangeError
        return "half-an-answer"
    for name, code in CODES:
        if name in names:
            return code
    if getattr(error, "passing", False):
        return "venue-down"
    if isinstance(error, BROKEN_ANSWER):
        return "half-an-answer"
    return STATUSES.get(getattr(error, "status", None), "venue-error")
