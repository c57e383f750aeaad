"""The process that keeps the service's log: it evaluates and records what it is asked, until the service has gone.

Run by `rulecap.service.apart` alone.
"""

import signal
import socket
import sys

from rulecap.audit import LogError, UnusableKey, open_ledger
from rulecap.audit.ledger import Ledger
from rulecap.service.collector import settle
from rulecap.service.failing import place_of
from rulecap.service.wire import KEY, LOG, Answers, Opening, Questions, Receiver, receive, send, told


def main(handle: int) -> None:
    """Open a log, and answer questions to it."""
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & signal.Signals.__members__.keys():
        signal.signal(signal.Signals[name], signal.SIG_IGN)  # the service decides when it ends, and has it finish first
    with socket.socket(fileno=handle) as service:
        opening: Opening = receive(service)
        try:
            ledger = open_ledger(opening.url, create=opening.create, since=opening.since)
        except LogError as error:
            send(service, (LOG, error.code, error.reason))
        except UnusableKey as error:
            send(service, (KEY, str(error)))
        else:
            with ledger:
                receiver = Receiver()
                receiver.load(opening.files).compile()
                settle()
                send(service, ledger.head)
                _answer(service, ledger, receiver)


def _answer(service: socket.socket, ledger: Ledger, receiver: Receiver) -> None:
    while True:
        try:
            questions: Questions = receive(service)
        except EOFError:  # the service has let go of the log, or has gone
            return
        asked = receiver.asked(questions)
        if not asked:
            ledger.probe()
        decisions = ledger.evaluate_all(asked) if asked else []
        failure = None if ledger.failure is None else (ledger.failure.code, ledger.failure.reason)
        keys = {(one.snapshot.account.id, one.policy.name) for one in asked}  # type: ignore[attr-defined]  # a snapshot
        memories = {key: last for key in keys if (last := ledger.last(*key)) is not None}
        answers = [told(*one) for one in zip(asked, decisions, strict=True)]
        send(service, Answers(answers, ledger.head, failure, memories))


def run(handle: int) -> None:
    """Be the process, on a socket of this number; exit code 1 where the service has gone in mid-answer."""
    try:
        main(handle)
    except OSError:
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # told without the figures that its text may have; the service goes on
        sys.exit(place_of(error))
