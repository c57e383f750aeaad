"""What SIGHUP does: it ends what was started at a terminal; a rotation of logs, or a wish to reload, ends nothing."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

GOES_ON = "SIGHUP: nothing to do, the policy's files and the keys are read when they change"


def survive_until_running() -> None:
    """Have SIGHUP end no start either, which takes seconds: nothing follows from it until `at_hangup` says what does.

    At a terminal it goes on ending this, which has begun nothing yet.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL and not sys.stderr.isatty():
        signal.signal(hangup, lambda *_: None)


def at_hangup(log: logging.Logger, stop: Callable[[], None]) -> None:
    """Stop at SIGHUP where standard error is a terminal, which has gone then; elsewhere say that nothing follows.

    Who started this with the signal ignored (nohup) goes on having it ignored.
    """
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return
    does = stop if sys.stderr.isatty() else lambda: log.info(GOES_ON)
    with suppress(NotImplementedError):  # a loop that takes no signals
        asyncio.get_running_loop().add_signal_handler(hangup, does)
