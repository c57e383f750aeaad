"""A record of the audit log: the exact bytes that were hashed, and what they say."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Record:
    """One record as it is stored.

    Attributes:
        seq: its place in the log, from 0.
        body: the bytes that were hashed: JSON in UTF-8, `schemas/record.schema.json` says how.
    """

    seq: int
    body: bytes

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What the body says.

        Raises:
            ValueError: the body is not JSON.
        """
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed
