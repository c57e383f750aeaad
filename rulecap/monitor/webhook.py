"""The webhook: a notice is posted as JSON, signed, and is delivered when the receiver answers with a 2xx."""

import hashlib
import hmac
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from rulecap.monitor.outbox import Notice
from rulecap.version import __version__

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

    def post(self, notice: Notice) -> None:
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
        fetch(urllib.request.Request(self.url, body, headers, method="POST"))  # http or https, checked


def signature(secret: bytes, body: bytes, now: int) -> dict[str, str]:
    """Return the header that proves who sent a body, and when: HMAC-SHA-256 over `time.body`; none without a secret."""
    if not secret:
        return {}
    digest = hmac.new(secret, b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    return {"Rulecap-Signature": f"t={now},v1={digest}"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A signed notice goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


OPENER = urllib.request.build_opener(_NoRedirects)


def fetch(request: urllib.request.Request) -> None:
    """Send a request.

    Raises:
        Undelivered: the answer is no 2xx, or there is none.
    """
    try:
        with OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(4096)
    except urllib.error.HTTPError as error:
        with error:
            raise Undelivered(f"the receiver answered {error.code}") from None
    except Exception as error:  # noqa: BLE001  # whatever a receiver sends, it is told again
        raise Undelivered(f"the receiver cannot be reached: {type(error).__name__}") from None


def is_address(text: str) -> bool:
    """Return whether a text is an address that can be asked."""
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname)
    except ValueError:
        return False
