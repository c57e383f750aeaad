"""Why a log cannot be read or written: one exception with a stable code."""

from typing import Self


class LogError(Exception):
    """A log cannot be used.

    Attributes:
        code: `log-locked`, `log-full`, `log-read-only`, `log-gone`, `log-replaced`, `log-corrupt`, `log-unreachable`,
            `log-failed`, `log-followed`, `no-log`, `not-a-log`, `bad-log-address`, `policy-refused` or
            `signing-key`.
        reason: what happened, in words.
    """

    def __init__(self, code: str, reason: str) -> None:
        """Keep code and words."""
        super().__init__(f"{reason} [{code}]")
        self.code, self.reason = code, reason

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Have copies, and what another process raised, made of code and words again."""
        return type(self), (self.code, self.reason)
