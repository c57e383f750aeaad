"""A server that stands still, and one with other defaults: nobody waits for ever, no memory is forked."""

import os
import signal
import threading
from contextlib import closing, contextmanager

import pytest

from rulecap.audit import open_ledger, open_log
from rulecap.audit.postgres import PostgresDatabase
from rulecap.audit.verify import verify
from tests.audit.counting import snapshot
from tests.patience import patience


@pytest.fixture
def ledger(policy, postgres_url):
    with open_ledger(postgres_url, patience=30) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).record_id
        yield ledger


class Freeze:
    """Has the server's side of a connection stand still, which the ledger then does not wait long for; and go on."""

    def __init__(self):
        self._stopped = []

    def __call__(self, ledger):
        ledger._database._connection.longest = 0.3
        process = ledger._database._connection.info.backend_pid
        os.kill(process, signal.SIGSTOP)
        self._stopped.append(process)

    def end(self):
        while self._stopped:
            os.kill(self._stopped.pop(), signal.SIGCONT)


@pytest.fixture
def freeze():
    freeze = Freeze()
    yield freeze
    freeze.end()


def fine(url, size):
    with open_log(url) as log:
        report = verify(log)
    return report.fine and report.size == size


class TestAServerThatStandsStill:
    def test_between_two_questions_is_left_for_a_new_connection(self, ledger, policy, postgres_url, freeze):
        freeze(ledger)
        with patience(60):
            assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
        assert fine(postgres_url, 2)

    @pytest.mark.parametrize("moment", ["swap", "commit"])
    def test_in_mid_transaction_is_not_waited_for_and_holds_the_log_up_no_longer_than_it_stands(
        self, ledger, policy, postgres_url, freeze, monkeypatch, moment
    ):
        ledger._writer._alone = False
        frozen_before(monkeypatch, moment, lambda: freeze(ledger))
        with patience(60):
            answer = ledger.evaluate(policy, snapshot(2))
            assert (answer.ok, answer.record_id, ledger.failure.code) == (False, None, "log-unreachable")
            freeze.end()
            assert ledger.evaluate(policy, snapshot(3)).record_id
        assert fine(postgres_url, ledger.head.size)

    def test_fails_those_whose_transaction_it_was_and_no_others(
        self, ledger, policy, postgres_url, freeze, monkeypatch
    ):
        ledger._writer._alone = False
        frozen_before(monkeypatch, "commit", lambda: freeze(ledger))
        answers = []

        def ask():
            answers.append(ledger.evaluate(policy, snapshot(2), "margin"))
            freeze.end()

        threads = [threading.Thread(target=ask) for _ in range(8)]
        with patience(60):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert [answer.outputs["wallet"] for answer in answers] == [1000] * 8
        recorded = {answer.record_id for answer in answers if answer.record_id}
        assert len(recorded) < 8
        assert fine(postgres_url, ledger.head.size)


def frozen_before(monkeypatch, moment, freeze):
    """Have the server stand still before something is asked of it, once."""
    usual = getattr(PostgresDatabase, moment)

    def frozen(self, *given):
        monkeypatch.undo()
        freeze()
        return usual(self, *given)

    monkeypatch.setattr(PostgresDatabase, moment, frozen)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_server_s_default_isolation_makes_nobody_read_an_old_head(policy, server, database, isolation):
    url = server.url(database)
    with default(server, database, "default_transaction_isolation", isolation):
        answers = []
        with open_ledger(url, patience=30) as one, open_ledger(url, patience=30) as other, patience(60):

            def ask(ledger):
                answers.extend(ledger.evaluate(policy, snapshot(minute)) for minute in range(20))

            threads = [threading.Thread(target=ask, args=(ledger,)) for ledger in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert [problem for answer in answers for problem in answer.problems] == []
        assert fine(url, 40)


@contextmanager
def default(server, database, name, value):
    with closing(server.admin()) as admin:
        admin.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
        yield
        admin.execute(f"ALTER DATABASE {database} RESET {name}")
