"""What a record says, read for verification: only what is compared, the rest is looked at for its shape."""

from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rulecap.audit.clock import time_of

About = tuple[str, str, str, str, str]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Anything(_Part):
    """An object whose members nobody asks for."""


class RecordedPolicy(_Part):
    """Which policy decided; of a record that is no decision's, all is empty."""

    name: str
    version: str
    digest: str


class RecordedRequest(_Part):
    """Under which key it was asked."""

    key: str
    digest: str


class RecordedSnapshot(_Part):
    """The time of a snapshot, or the memories that are carried over from another log."""

    as_of: str | None = None
    carried: dict[str, Any] | None = None


class Said(_Part):
    """A record's body."""

    seq: int
    id: str
    time: str
    account: str
    decision: str
    answered_by: str
    verdict: str | None
    ok: bool
    policy: RecordedPolicy
    engine: str
    request: RecordedRequest | None
    asked_by: str | None = None  # of which older records say nothing
    # Left to right: else all of a snapshot is read twice, to see which of both it fits better.
    snapshot: Annotated[RecordedSnapshot | str, Field(union_mode="left_to_right")]
    memory: dict[str, Any] | None
    next_memory: dict[str, Any] | None
    outputs: Anything
    steps: Anything
    problems: list[Any]

    @property
    def about(self) -> About:
        """What the record's columns have to say."""
        return self.account, self.decision, self.verdict or "", self.policy.name, self.policy.digest

    @cached_property
    def written(self) -> int:
        """When it was written, in microseconds since 1970."""
        return time_of(self.time)

    @cached_property
    def as_of(self) -> int | None:
        """The snapshot's time in microseconds since 1970, none where it was no snapshot."""
        if isinstance(self.snapshot, str) or self.snapshot.as_of is None:
            return None
        return time_of(self.snapshot.as_of)

    @property
    def advanced(self) -> bool:
        """Whether the decision had a next memory to give."""
        return self.ok and not self.problems


def said_by(body: bytes) -> Said:
    """Return what a record's bytes say.

    Raises:
        ValueError: they are no record; the message says where.
    """
    try:
        said = Said.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}{': ' if where else ''}{first['msg']}") from None
    _ = said.written, said.as_of
    return said
