"""The webhook: a notice is posted as JSON, signed, and is delivered when the receiver answers with a 2xx."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from rulecap.monitor.outbox import Notice
from rulecap.version import __version__

# For all of a request, so that a receiver that answers byte by byte holds nothing up.
TIMEOUT_SECONDS = 10.0


class Undelivered(Exception):
    """A notice was not got; the text says why, and has no address in it, which may be a secret of its own."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where notices go, and what they are signed with; neither shows in a repr."""

    url: str = field(repr=False)
    secret: bytes = field(default=b"", repr=False)

    @property
    def host(self) -> str:
        """The receiver, without the rest of its address."""
        return urlsplit(self.url).hostname or ""

    async def post(self, notice: Notice) -> None:
        """Post a notice once.

        Raises:
            Undelivered: it was not got, or nobody knows.
        """
        body = notice.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"rulecap/{__version__}",
            "Rulecap-Event": notice.id,
            **signature(self.secret, body, int(time.time())),
        }
        await fetch("POST", self.url, body, headers)


def signature(secret: bytes, body: bytes, now: int) -> dict[str, str]:
    """Return the header that proves who sent a body, and when: HMAC-SHA-256 over `time.body`; none without a secret."""
    if not secret:
        return {}
    digest = hmac.new(secret, b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    return {"Rulecap-Signature": f"t={now},v1={digest}"}


async def fetch(method: str, address: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
    """Send a request; what was meant for one place is not sent on to another.

    Raises:
        Undelivered: the answer is no 2xx, or there is none within the time.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.request(method, address, data=body or None, headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except Exception as error:  # noqa: BLE001  # whatever a receiver sends, it is told again
        raise Undelivered(f"the receiver cannot be reached: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise Undelivered(f"the receiver answered {status}")


def is_address(text: str) -> bool:
    """Return whether a text is an address that can be asked."""
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname)
    except ValueError:
        return False
