"""What a process that was forked from the test's comes to."""

import os
import signal
from collections.abc import Callable


def in_child(do: Callable[[], str]) -> str:
    """Return the text that a function gives in a forked process, which ends without any tidying of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            os.write(writing, do().encode())
        except BaseException as error:  # noqa: BLE001  # nothing may go on in the copy of the test run
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read().decode()
    os.waitpid(child, 0)
    return told
