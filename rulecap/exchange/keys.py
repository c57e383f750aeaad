"""API keys: read from a file or the environment, and taken out of every text that somebody could see."""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from rulecap.exchange.errors import VenueError
from rulecap.exchange.settings import Credentials

HIDDEN = "***"
# Not secret for ever, but enough to send the request again while it is fresh.
SIGNATURE = re.compile(
    r"(?i)((?:signature|sign|x-bapi-sign|ok-access-sign|access-sign|api[-_]?sign|apikey|api[-_]?key)['\"]?\s*[=:]\s*['\"]?)[^&\s'\",}]+"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key; nothing of it shows in a repr."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def present(self) -> bool:
        """Whether there is a key at all."""
        return bool(self.key)

    def redacted(self, text: str) -> str:
        """Return a text without key, secret, password, or any request's signature."""
        for one in (self.secret, self.password, self.key):
            for form in (one, quote(one, safe="")) if one else ():
                text = text.replace(form, HIDDEN)
        return SIGNATURE.sub(rf"\g<1>{HIDDEN}", text)


def read_keys(where: Credentials, environment: Mapping[str, str]) -> Keys:
    """Return the keys; without a file and without the variables there are none.

    Raises:
        VenueError: `keys-unreadable`, the file is not there or not as it must be; `keys-missing`, one of two is absent.
    """
    if where.file is not None:
        return _checked(_of_file(where), f"{where.file} must hold both")
    names = (where.key_variable, where.secret_variable, where.password_variable)
    return _checked(Keys(*(environment.get(name, "") for name in names)), f"{names[0]} and {names[1]} belong together")


def _of_file(where: Credentials) -> Keys:
    """Return what the file holds. No message repeats any of it."""
    assert where.file is not None
    try:
        held = json.loads(where.file.read_text(encoding="utf-8"))
    except OSError as error:
        raise VenueError("keys-unreadable", f"cannot read the keys in {where.file}: {error.strerror}") from None
    except ValueError:
        held = None
    names = ("key", "secret", "password")
    if not isinstance(held, dict) or not set(held) <= set(names) or not all(isinstance(v, str) for v in held.values()):
        text = f"{where.file} must hold one JSON object of texts: key, secret and, where the venue has one, password"
        raise VenueError("keys-unreadable", text)
    return Keys(*(held.get(name, "") for name in names))


def _checked(keys: Keys, why: str) -> Keys:
    """Return the keys, unless one of key and secret lacks the other."""
    if bool(keys.key) is not bool(keys.secret):
        absent = "secret" if keys.key else "key"
        raise VenueError("keys-missing", f"the {absent} is missing: {why}")
    return keys


class RedactingLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs what ccxt has to say without what must not be seen; the text is whole before any handler has it."""

    def __init__(self, keys: Keys) -> None:
        """Log to `rulecap.exchange.venue`."""
        super().__init__(logging.getLogger("rulecap.exchange.venue"), {})
        self._keys = keys

    def log(self, level: int, msg: object, *arguments: object, **options: Any) -> None:
        """Log a redacted text; tracebacks, which could quote a request, are left out."""
        if self.isEnabledFor(level):
            text = str(msg) % arguments if arguments else str(msg)
            self.logger.log(level, "%s", self._keys.redacted(text))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the message as it is."""
        return msg, kwargs
