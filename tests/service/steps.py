"""What several tests of the service do: show a key, wait until something holds, write an overlay."""

import time

POSITION = "/api/capital/recommendation/position"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def wait(holds, seconds=10):
    """Wait until something holds, for so many seconds at the most."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def overlay_of(name, version, change="better_by.value: 11"):
    """Return the text of a policy that is the default one but for a number."""
    head = f"language: 1\nextends: default\npolicy: {name}\nversion: {version}\ntitle: A desk\nwhy: For a test.\n"
    return f"{head}set:\n  {change}\n"
