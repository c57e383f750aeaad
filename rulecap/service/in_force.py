"""The policy in force: loaded once, read again when its files are edited; a bad edit leaves the last good one."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from rulecap.engine.cases import case_files, run_files
from rulecap.engine.policy import Policy, load_policy
from rulecap.location import Location
from rulecap.problems import PolicyError, Problem, shown
from rulecap.service.edits import Fingerprint, fingerprint
from rulecap.service.failing import place_of, steadily
from rulecap.service.freshness import fresh_for

log = logging.getLogger("rulecap.service")
# What an answer has beside the decision's outputs.
ENVELOPE = ("as_of", "snapshot_age_seconds", "policy_digest", "decision_id", "problems")
TESTS_FAIL = "tests-fail"
MOST_READINGS = 5
# What failed may do so for a moment alone, as where no more files may be opened: it is read again after so long.
AGAIN_SECONDS = 30.0


class PolicyInForce:
    """The policy that decides now.

    Attributes:
        policy: swapped as a whole; who has taken it goes on with it.
        failure: what is wrong with the files as they are now; none where they are the policy in force.
        tests: how the policy's own tests went, as JSON types.
        fresh_for: the age of figures in seconds beyond which it may say something else about an entry; none: no age.
        unproven: whether it came into force although its tests failed, as at the start, and they have not passed since.
    """

    def __init__(self, where: str) -> None:
        """Load a policy.

        Raises:
            PolicyError: it cannot be used.
        """
        self._where, self._reading = where, threading.Lock()
        self.failure: PolicyError | None = None
        self.unproven = True
        self._again_at = time.monotonic() + AGAIN_SECONDS
        self._take(*self._read())
        self._looked = self._refused = self._seen

    def _take(self, policy: Policy, tests: dict[str, Any]) -> None:
        self.policy, self.tests, self.fresh_for = policy, tests, fresh_for(policy)
        self.unproven = self.unproven and bool(tests["failed"])
        if tests["failed"]:
            log.warning("%s of the tests beside the policy in force fail", tests["failed"], extra={"code": TESTS_FAIL})

    async def watch(self, seconds: float, reloaded: Callable[[bool], None]) -> None:
        """Look for edits again and again, until cancelled.

        Args:
            seconds: how long to wait between two looks.
            reloaded: called after each edit with whether the policy could be used.
        """

        async def look() -> None:
            if await asyncio.to_thread(self.rested):
                reloaded(await asyncio.to_thread(self.reload))
            elif await asyncio.to_thread(self.mended):
                reloaded(True)

        await steadily(look, seconds)

    def look(self) -> None:
        """Look for an edit, and read it where it has rested since the last look; at times also what failed."""
        if self.rested():
            self.reload()
        else:
            self.mended()

    def rested(self) -> bool:
        """Return whether the files were edited, and no more since the last look: half an edit may be a policy too."""
        before, self._looked = self._looked, fingerprint(self._where)
        return self._looked != self._seen and self._looked == before

    def mended(self) -> bool:
        """Read an edit that was refused, or tests that fail, again after a while; return whether that is over."""
        ill = self.failure is not None or bool(self.tests["failed"])
        if not ill or time.monotonic() < self._again_at:
            return False
        return self.reload() and not self.tests["failed"]

    def reload(self) -> bool:
        """Read the files again; return whether they are a policy that is in force now.

        One reading at a time: two of them would leave the one in force that takes longer, whichever was edited last.
        """
        with self._reading:
            try:
                return self._reload()
            finally:
                self._again_at = time.monotonic() + AGAIN_SECONDS

    def _reload(self) -> bool:
        try:
            policy, tests = self._read()
        except PolicyError as error:
            return self._refuse(error)
        except OSError as error:
            why = f"it cannot be read: {error.strerror}"
            return self._refuse(
                PolicyError([Problem("unreadable-policy", why, path=str(error.filename or self._where))])
            )
        except Exception as error:  # noqa: BLE001  # an edit that nobody foresaw is one that cannot be used
            place = place_of(error)
            return self._refuse(PolicyError([Problem("internal", f"reading it fails: {type(error).__name__}")]), place)
        if policy.digest != self.policy.digest:
            if tests["failed"]:
                return self._refuse(PolicyError(failing(tests)))
            self._warn_of_name(policy)
            self._take(policy, tests)
            log.info("the policy %s %s is in force", policy.name, policy.version, extra={"digest": policy.digest})
        else:
            self._again(tests)
        self.failure = None
        return True

    def _warn_of_name(self, policy: Policy) -> None:
        """Say that what one policy remembers another does not know: what it kept from being entered may be entered."""
        before = self.policy.name
        if policy.name != before:
            text = "the policy is called %s now, and remembers what was decided under that name, nothing of %s"
            log.warning(text, policy.name, before, extra={"code": "policy-renamed"})

    def _read(self) -> tuple[Policy, dict[str, Any]]:
        """Return what the files say, and how the tests beside them go; all of it from between two edits.

        Raises:
            PolicyError: it cannot be used.
        """
        for _ in range(MOST_READINGS):
            self._seen: Fingerprint = fingerprint(self._where)
            policy = read(self._where)
            tests = tested(policy, self._where)
            if fingerprint(self._where) == self._seen:
                return policy, tests
        raise PolicyError([Problem("still-edited", "the files change each time that they are read", path=self._where)])

    def _again(self, tests: dict[str, Any]) -> None:
        """Say that the files are the policy in force again, and how their tests go now."""
        if self.failure is not None:
            log.info("the policy's files are the one in force again", extra={"digest": self.policy.digest})
        if tests != self.tests:
            self._take(self.policy, tests)

    def _refuse(self, error: PolicyError, place: str = "") -> bool:
        """Keep, and say once, why an edit is not taken; `place` is where it failed though nobody foresaw it."""
        told, self.failure = self.failure, error
        if told is not None and told.problems == error.problems and self._refused == self._seen:
            return False  # it was read again, and is as it was
        self._refused = self._seen
        if place:
            log.error("%s", place, extra={"code": "internal"})
        first, *others = error.problems
        said = first.render().splitlines()[0] + (f", and {len(others)} more" if others else "")
        text = "the edited policy cannot be used, %s stays in force: %s"
        log.error(text, self.policy.digest[:12], said, extra={"code": "bad-policy"})
        return False


def read(where: str) -> Policy:
    """Return a policy that is ready to decide.

    Raises:
        PolicyError: it cannot be used, or an output's name is one that an answer has for something else.
    """
    policy = load_policy(where)
    policy.compile()
    problems = [
        Problem("reserved-output", f"the output {name} of the decision {decision} would hide that of the answer")
        for decision, typed in policy.typed.decisions.items()
        for name in typed.on_error
        if name in ENVELOPE
    ]
    if problems:
        raise PolicyError(problems)
    return policy


def tested(policy: Policy, where: str) -> dict[str, Any]:
    """Return how the tests beside a policy go: how many passed and failed, and each that failed."""
    results = run_files(policy, case_files(where))
    failed = [result.to_dict() for result in results if not result.ok]
    return {"passed": len(results) - len(failed), "failed": len(failed), "failures": failed}


def failing(tests: dict[str, Any]) -> list[Problem]:
    """Return the problem that each test is which fails."""
    return [
        Problem(
            TESTS_FAIL, f"the test {shown(one['name'])} beside the policy fails", Location(one["file"], one["line"], 1)
        )
        for one in tests["failures"]
    ]
