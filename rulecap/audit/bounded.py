"""A connection to a PostgreSQL server that does not wait for ever.

A server that stands still or is cut off from the network after it has taken a statement gives no answer and no error:
its own timeouts do not run, and the network has nothing to send that could fail.
"""

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen

from rulecap.audit.database import Row

Answer = TypeVar("Answer")
LOOK = 0.1  # seconds after which a wait looks at the time


class BoundedConnection(Connection[Row]):
    """A connection that is given up where the server gives no answer in time.

    Attributes:
        longest: how many seconds an answer may take.
    """

    longest: float = math.inf

    def wait(self, gen: PQGen[Answer], interval: float = LOOK, timeout: float | None = None) -> Answer:
        """Wait for an answer of the server.

        Raises:
            OperationalError: it took too long; the connection is closed.
        """
        longest = self.longest if timeout is None else min(timeout, self.longest)
        return super().wait(self._watched(gen, longest), interval)

    def _watched(self, gen: PQGen[Answer], longest: float) -> Generator[Any, Any, Answer]:
        """Pass on what psycopg tells the steps of an exchange; it does so at each interval, though nothing has come."""
        end = time.monotonic() + longest
        try:
            asked = next(gen)
            while True:
                ready = yield asked
                if not ready and time.monotonic() > end:
                    self.close()
                    raise OperationalError(f"the server gave no answer within {longest:g} s")
                asked = gen.send(ready)
        except StopIteration as end_of_exchange:
            answer: Answer = end_of_exchange.value
            return answer
