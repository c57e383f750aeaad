"""Many threads and processes that write to the same accounts: one memory each, one record for each question or key."""

import threading

import pytest

from rulecap.audit import open_ledger, open_log, sqlite
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from tests.audit import together
from tests.audit.counting import snapshot
from tests.audit.forkserver import FORKSERVER
from tests.patience import patience

ACCOUNTS = ("a", "b", "c")
PROCESSES, TIMES = 4, 20


def sound_records(url):
    """Return what is on record, having verified and replayed all of it."""
    with open_log(url) as log:
        assert verify(log).findings == ()
        log.database.look()
        records = [one.record for one in log.stored()]
        assert [replayed(one, log.policy(one.fields["policy"]["digest"])) for one in records] == [None] * len(records)
    return [one.fields for one in records]


def in_threads(threads, do):
    """Do something in many threads that start together; return what each gave."""
    answers, begin = [None] * threads, threading.Barrier(threads)

    def run(number):
        begin.wait(60)
        answers[number] = do(number)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    with patience():
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    return answers


def one_memory(records, account):
    """Check that each advance of an account's memory was given what the one before it left; return how many."""
    left, newest, advances = None, "", 0
    for record in records:
        if record["account"] == account and record["snapshot"]["as_of"] > newest:
            names = record["next_memory"]
            assert record["memory"] == (left and {name: left[name] for name in left if name in names})
            left, newest, advances = names, record["snapshot"]["as_of"], advances + 1
    assert left["seen"] == advances
    return advances


@pytest.mark.parametrize("accounts", [1, 16])
def test_threads_that_write_to_the_same_accounts_never_lose_or_fork_a_memory(policy, url, accounts):
    with open_ledger(url, patience=30) as ledger:

        def ask(number):
            account = f"account {number % accounts}"
            return [ledger.evaluate(policy, snapshot(minute, account=account)) for minute in range(TIMES)]

        answers = [answer for given in in_threads(16, ask) for answer in given]
    records = sound_records(url)
    assert {answer.record_id for answer in answers} == {record["id"] for record in records}
    assert len(records) == len(answers) == 16 * TIMES
    assert all(answer.problems == () for answer in answers)
    for number in range(accounts):
        assert one_memory(records, f"account {number}") == TIMES


def in_processes(url, accounts, keys):
    """Have processes ask at the same time; return what each was answered."""
    ends = [FORKSERVER.Pipe() for _ in range(PROCESSES)]
    running = [FORKSERVER.Process(target=together.ask, args=(url, accounts, keys, TIMES, theirs)) for _, theirs in ends]
    with patience():
        for process in running:
            process.start()
        for theirs in (theirs for _, theirs in ends):
            theirs.close()
        for ours, _ in ends:
            ours.recv()
        for ours, _ in ends:
            ours.send(None)
        answers = [ours.recv() for ours, _ in ends]
        for process, (ours, _) in zip(running, ends, strict=True):
            process.join()
            process.close()
            ours.close()
    return answers


def test_processes_that_write_to_the_same_accounts_never_lose_or_fork_a_memory(url):
    told = [answer for answers, _ in in_processes(url, ACCOUNTS, ()) for answer in answers]
    records = sound_records(url)
    assert [ok for _, ok in told] == [True] * (PROCESSES * TIMES * len(ACCOUNTS))
    assert sorted(name for name, _ in told) == sorted(record["id"] for record in records)
    # Policies of two versions take turns, so that names of the memory come and go; what both remember goes on.
    assert [one_memory(records, account) for account in ACCOUNTS] == [TIMES] * len(ACCOUNTS)


def test_a_key_that_processes_race_for_gets_one_record_and_all_get_its_answer(url):
    keys = [f"order {number}" for number in range(15)]
    told = [under for _, under in in_processes(url, (), keys)]
    records = sound_records(url)
    assert [record["request"]["key"] for record in records if record["request"]].count(keys[0]) == 1
    assert len(records) == len(keys)
    assert all(under == told[0] for under in told)
    assert {name for name, _ in told[0].values()} == {record["id"] for record in records}


def test_a_key_that_threads_race_for_gets_one_record_and_all_get_its_answer(policy, url):
    with open_ledger(url, patience=30) as ledger, open_ledger(url, patience=30) as other:

        def ask(number):
            asked = snapshot(1, account="a")
            return [
                (answer.record_id, answer.outputs, answer.problems)
                for answer in (
                    (ledger, other)[number % 2].evaluate(policy, asked, "position", f"order {count}")
                    for count in range(5)
                )
            ]

        answers = in_threads(16, ask)
    assert all(given == answers[0] for given in answers)
    assert [record["id"] for record in sound_records(url)] == [name for name, _, _ in answers[0]]


def test_a_key_raced_for_with_two_requests_answers_one_of_them_and_refuses_the_other(policy, url):
    with open_ledger(url, patience=30) as ledger:
        answers = in_threads(16, lambda number: ledger.evaluate(policy, snapshot(number % 2), "position", "order"))
    (record,) = sound_records(url)
    for number, answer in enumerate(answers):
        if answer.record_id is None:
            assert [problem.code for problem in answer.problems] == ["idempotency-conflict"]
        else:
            assert answer.record_id == record["id"]
            assert number % 2 == answers.index(next(one for one in answers if one.record_id)) % 2
    assert {answer.record_id is None for answer in answers} == {True, False}


def test_policies_reloaded_while_threads_ask_keep_what_both_remember(url):
    with open_ledger(url, patience=30) as ledger:

        def ask(number):
            policy = together.POLICIES[number % 2]
            return [ledger.evaluate(policy, snapshot(minute, pnl=-minute)).ok for minute in range(TIMES)]

        assert in_threads(8, ask) == [[True] * TIMES] * 8
    records = sound_records(url)
    assert len(records) == 8 * TIMES
    assert one_memory(records, "a") == TIMES


def test_a_writer_looks_for_its_turn_often_enough_to_get_it_from_busy_ones(policy, sqlite_url, monkeypatch):
    """SQLite by itself waits up to 100 ms at a time, which leaves some of several busy processes without a turn."""
    naps = []
    with open_ledger(sqlite_url, patience=0.2) as ledger, open_ledger(sqlite_url) as other:
        other._database.begin()
        monkeypatch.setattr(sqlite.time, "sleep", naps.append)
        assert [problem.code for problem in ledger.evaluate(policy, snapshot(1)).problems] == ["unlogged"]
        assert ledger.failure.code == "log-locked"
        assert len(naps) > 1
        assert max(naps) <= sqlite.TURN
        other._database.rollback()
        assert ledger.evaluate(policy, snapshot(1)).record_id is not None


def test_a_log_that_many_processes_begin_at_once_is_one_log(url):
    told = in_processes(url, (), ("k",))
    assert len({under["k"][0].partition("-")[0] for _, under in told}) == 1
    assert len(sound_records(url)) == 1
