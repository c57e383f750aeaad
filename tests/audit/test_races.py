"""What goes wrong in one caller's thread or process must not reach another's decision, nor the log."""

import os
import select
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from rulecap import Policy
from rulecap.audit import Ledger, LogError, inherited, open_ledger, open_log
from rulecap.audit.opening import sqlite_path
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from rulecap.audit.writer import Writer
from tests.audit.counting import counting, snapshot
from tests.forked import in_child
from tests.patience import patience


def codes(decision):
    return [problem.code for problem in decision.problems]


def records(url):
    with open_log(url) as log:
        assert verify(log).findings == ()
        log.database.look()
        return [one.record.fields for one in log.stored()]


class Raising:
    """A policy whose evaluation raises, as no policy should."""

    name, decisions = "raising", ("position",)
    __class__ = property(lambda self: Policy)  # the ledger asks nothing else

    def evaluate(self, *_):
        raise ZeroDivisionError("poison")

    def refused(self, decision, problem, memory=None):
        raise ZeroDivisionError("poison")


class Unwritable:
    """A policy whose answer no JSON can hold."""

    __class__ = property(lambda self: Policy)

    def __init__(self, policy):
        self._policy = policy

    def __getattr__(self, name):
        return getattr(self._policy, name)

    def evaluate(self, *given):
        decision = self._policy.evaluate(*given)
        decision.memory = {"seen": object()}
        return decision


def together(ledger, questions):
    """Ask questions from a thread each, such that they come into one batch; return the answers or what was raised."""
    answers = [None] * len(questions)

    def ask(number, asked):
        try:
            answers[number] = ledger.evaluate(*asked)
        except Exception as error:  # noqa: BLE001  # whatever comes out is what is looked at
            answers[number] = error

    threads = [threading.Thread(target=ask, args=one) for one in enumerate(questions)]
    with ledger._writing:  # the first leads and waits here; the rest comes together behind it
        for thread in threads:
            thread.start()
        while len(ledger._group._queue) < len(questions) - 1:
            pass
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("poison", [Raising, Unwritable])
def test_a_question_that_cannot_be_answered_takes_no_other_down(policy, url, poison):
    bad = poison(policy) if poison is Unwritable else poison()
    with open_ledger(url, patience=30) as ledger:
        asked = [(policy, snapshot(0))]
        for number in range(1, 7):
            asked += [(policy, snapshot(number, account=f"{number}")), (bad, snapshot(number))]
        answers = together(ledger, asked)
        for decision in answers[0:1] + answers[1::2]:
            assert (codes(decision), decision.outputs["number"]) == ([], 1)
        for other in answers[2::2]:
            assert isinstance(other, ZeroDivisionError) or codes(other) == ["unlogged"]
        assert ledger.failure is None
        assert ledger.evaluate(policy, snapshot(9)).outputs["number"] == 2
    assert len(records(url)) == 8


UNCHANGEABLE = {
    "sqlite": ("CREATE TRIGGER still BEFORE UPDATE ON log BEGIN SELECT RAISE(IGNORE); END",),
    "postgresql": (
        "CREATE FUNCTION rulecap.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER still BEFORE UPDATE ON rulecap.log FOR EACH ROW EXECUTE FUNCTION rulecap.nothing()",
    ),
}


def test_a_head_that_does_not_take_the_next_one_refuses_and_keeps_no_record_beyond_it(policy, url):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        for statement in UNCHANGEABLE[url.partition(":")[0]]:
            ledger._database.run(statement)
        for minute in (2, 3):
            decision = ledger.evaluate(policy, snapshot(minute))
            assert (decision.record_id, codes(decision)) == (None, ["unlogged"])
            assert "[log-corrupt]" in decision.problems[0].message
        assert ledger.head.size == 1
    with open_log(url) as log:
        assert [one.code for one in verify(log).findings] == ["tables-differ"]
        log.database.look()
        assert len(list(log.stored())) == 1


NAMES = [None, 5, ["position"], {"a": 1}, "", "\0", "\ud800", "x" * 100_000, "a'b?%s", b"position"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:12])
def test_whatever_is_named_as_decision_is_refused_and_on_record(policy, url, name):
    with open_ledger(url) as ledger:
        for key in (None, "k"):
            decision = ledger.evaluate(policy, snapshot(1), name, key)
            assert codes(decision) == ["unknown-decision"]
            assert decision.record_id is not None
        again = ledger.evaluate(policy, snapshot(1), name, "k")
        assert again.record_id == decision.record_id
        assert codes(ledger.evaluate(policy, snapshot(1), name, "")) == ["bad-idempotency-key"]
    with open_log(url) as log:
        assert verify(log).fine
        assert [replayed(log.record(seq), policy) for seq in (1, 2)] == [None, None]


EITHER = [(Writer, "_one"), (Writer, "_close"), (Writer, "_append"), ("policy", "evaluate"), ("database", "run")]
# Whether the writer takes it that nobody else writes, and where it is interrupted then.
PLACES = [
    *((alone, *place) for alone in (False, True) for place in EITHER),
    *((False, "database", name) for name in ("begin_reading", "insert", "swap", "commit")),
    (True, "database", "append"),
]
DURABLE = {"commit", "append"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[2]}-{'alone' if place[0] else 'locked'}")
def test_ctrl_c_in_mid_transaction_leaves_nothing_half(policy, url, monkeypatch, place, after):
    alone, *place = place
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1, account="b"))
        assert ledger._writer._alone
        ledger._writer._alone = alone
        owner = {"database": type(ledger._database), "policy": type(policy)}.get(place[0], place[0])
        usual = getattr(owner, place[1])

        def interrupted(*given, **named):
            if after:
                usual(*given, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(owner, place[1], interrupted)
            with pytest.raises(KeyboardInterrupt):
                ledger.evaluate(policy, snapshot(1))
        written = len(records(url)) - 1
        assert written in ({0, 1} if place[1] in DURABLE and after else {0})
        assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 1 + written
        assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 2 + written
    assert len(records(url)) == 3 + written


def test_a_log_that_fails_while_each_is_asked_alone_is_not_tried_by_all(policy, url, monkeypatch):
    codes_in_turn = iter(["log-failed", "log-failed", None, "log-locked"])
    usual, tried = Writer.answer, []

    def failing(self, questions):
        tried.append(len(questions))
        code = next(codes_in_turn)
        if code:
            raise LogError(code, "in turn")
        usual(self, questions)

    with open_ledger(url) as ledger:
        leader = (policy, snapshot(1))
        codes_in_turn = iter([None, *codes_in_turn])
        monkeypatch.setattr(Writer, "answer", failing)
        answers = together(ledger, [leader] + [(policy, snapshot(2))] * 8)
        assert ledger.failure.code == "log-locked"
    assert tried == [1, 8, 1, 1, 1]
    assert sum(answer.record_id is not None for answer in answers) == 2
    assert len(records(url)) == 2


def test_ctrl_c_while_a_failure_is_dealt_with_leaves_nothing_half(policy, url, monkeypatch):
    def full(self, *given):
        raise LogError("log-full", "no room")

    def interrupted(self, *given):
        raise KeyboardInterrupt

    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "_close", full)
            patched.setattr(Ledger, "_fail", interrupted)
            with pytest.raises(KeyboardInterrupt):
                ledger.evaluate(policy, snapshot(2))
        assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 2
    assert len(records(url)) == 2


def test_ctrl_c_in_the_leader_s_thread_refuses_the_others_and_lets_them_go_on(policy, url, monkeypatch):
    with open_ledger(url, patience=30) as ledger:
        usual, calls = Writer.answer, []

        def interrupted_once(self, questions):
            calls.append(len(questions))
            if len(questions) > 1 and max(calls[:-1], default=1) == 1:
                raise KeyboardInterrupt
            return usual(self, questions)

        monkeypatch.setattr(Writer, "answer", interrupted_once)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        answers = together(ledger, [(policy, snapshot(1, account=f"{number}")) for number in range(6)])
        done = [answer for answer in answers if answer is not None]
        assert len(done) == 5
        assert sorted(map(codes, done)) == [[], *[["unlogged"]] * 4]
        assert [ledger.evaluate(policy, snapshot(1, account="0")).ok for _ in range(2)] == [True, True]


def test_closing_waits_for_what_is_being_written_and_refuses_who_comes_later(policy, url):
    with patience(60):
        for _ in range(5):
            ledger, answers = open_ledger(url, patience=30), []
            begun = threading.Barrier(9)

            def ask(ledger=ledger, answers=answers, begun=begun):
                begun.wait()
                while True:
                    answers.append(ledger.evaluate(policy, snapshot(1)))
                    if answers[-1].record_id is None:
                        return

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            begun.wait()
            while len(answers) < 20:
                pass
            ledger.close()
            for thread in threads:
                thread.join()
            assert all("the ledger is closed" in one.problems[0].message for one in answers if one.record_id is None)
            on_record = {record["id"] for record in records(url)}
            assert {one.record_id for one in answers} - {None} <= on_record


class TestAForkWithAnOpenLedger:
    """The child gets a copy of the parent's connection, which it must neither use nor close."""

    @pytest.mark.parametrize("action", ["evaluate", "close", "with"])
    def test_refuses_in_the_child_and_leaves_the_parent_s_connection_alone(self, policy, url, action):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            told = in_child(lambda: act(ledger, policy, action))
            assert told == ("None unlogged log-failed True" if action == "evaluate" else "closed")
            before = ledger._database._connection
            assert ledger.evaluate(policy, snapshot(2)).outputs["number"] == 2
            assert ledger._database._connection is before
        assert len(records(url)) == 2

    def test_taken_while_another_thread_writes_does_not_hang(self, policy, url):
        with open_ledger(url, patience=30) as ledger, patience(60):
            ledger.evaluate(policy, snapshot(1))
            with ledger._writing, ledger._group._mutex:
                told = in_child(lambda: act(ledger, policy, "evaluate"))
                assert in_child(lambda: act(ledger, policy, "close")) == "closed"
        assert told == "None unlogged log-failed True"

    def test_may_open_a_ledger_of_its_own_at_a_server(self, policy, postgres_url):
        with open_ledger(postgres_url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            assert in_child(lambda: own_answer(policy, postgres_url)) == "2"
            assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 3


class TestAForkWithAnOpenFile:
    """SQLite takes over from the parent which locks are held: the child would write without one, over the parent."""

    @pytest.mark.parametrize("opened", [open_ledger, open_log])
    @pytest.mark.parametrize("opens", ["ledger", "log"])
    @pytest.mark.parametrize("name", ["log.sqlite3", "hard", "soft"])
    def test_does_not_open_it_again(self, policy, sqlite_url, tmp_path, opened, opens, name):
        open_ledger(sqlite_url).close()
        file = sqlite_path(sqlite_url)
        (tmp_path / "hard").hardlink_to(file)
        (tmp_path / "soft").symlink_to(file)
        url = sqlite_url if name == file.name else f"sqlite:///{tmp_path / name}"
        with opened(sqlite_url):
            told = in_child(lambda: own_answer(policy, url, opens))
        assert "log-failed" in told
        assert "was forked from one that has" in told
        with open_ledger(sqlite_url) as ledger:
            assert ledger.evaluate(policy, snapshot(1)).record_id

    def test_does_not_open_it_in_a_child_of_its_own_either(self, policy, sqlite_url):
        with open_ledger(sqlite_url):
            told = in_child(lambda: in_child(lambda: own_answer(policy, sqlite_url)))
        assert "was forked from one that has" in told

    def test_does_not_open_it_where_the_parent_was_about_to(self, policy, sqlite_url):
        """Which file that will be is not known yet: it may be this one, with its locks."""
        open_ledger(sqlite_url).close()
        file = sqlite_path(sqlite_url)
        with closing(inherited.opened(file, file.as_uri(), 1)) as connection:
            connection.file = None
            told = in_child(lambda: own_answer(policy, sqlite_url))
        assert "was forked from one that has" in told

    def test_opens_another_file(self, policy, sqlite_url, tmp_path):
        with open_ledger(sqlite_url):
            assert in_child(lambda: own_answer(policy, f"sqlite:///{tmp_path}/another.sqlite3")) == "1"

    def test_opens_what_was_closed_before(self, policy, sqlite_url):
        with open_ledger(sqlite_url) as ledger, open_log(sqlite_url):
            ledger.evaluate(policy, snapshot(1))
        assert in_child(lambda: own_answer(policy, sqlite_url)) == "2"

    def test_opens_what_the_parent_opens_afterwards(self, policy, sqlite_url):
        (there, is_there), (opened, may_go_on) = os.pipe(), os.pipe()
        open_ledger(sqlite_url).close()

        def child():
            os.write(is_there, b"x")
            os.read(opened, 1)
            return own_answer(policy, sqlite_url)

        with ThreadPoolExecutor() as beside:
            told = beside.submit(in_child, child)
            assert select.select([there], [], [], 20)[0]
            with open_ledger(sqlite_url) as ledger:
                ledger.evaluate(policy, snapshot(1))
                os.write(may_go_on, b"x")
                assert told.result() == "2"
                assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 3


def own_answer(policy, url, opens="ledger"):
    if opens == "log":
        open_log(url).close()
        return "read"
    with open_ledger(url) as own:
        return str(own.evaluate(policy, snapshot(2)).outputs["number"])


def act(ledger, policy, action):
    if action == "evaluate":
        decision = ledger.evaluate(policy, snapshot(2))
        says = "open it after forking" in decision.problems[0].message
        return f"{decision.record_id} {codes(decision)[0]} log-failed {says}"
    if action == "with":
        with ledger:
            pass
    else:
        ledger.close()
    return "closed"


class TestWhileTheLogCannotBeWritten:
    """A reduction is answered all the same, from the memory that it would have been given."""

    def unlogged(self, ledger, policy, minute, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(type(ledger._database), "begin_reading", raising)
            patch.setattr(type(ledger._database), "append", raising)
            return ledger.evaluate(policy, snapshot(minute), "margin")

    def test_a_late_answer_before_does_not_turn_its_memory_back(self, policy, url, monkeypatch):
        with open_ledger(url) as ledger:
            for minute in (1, 2, 3, 4):
                ledger.evaluate(policy, snapshot(minute))
            ledger.evaluate(policy, snapshot(1))
            decision = self.unlogged(ledger, policy, 5, monkeypatch)
        assert (codes(decision), decision.outputs["number"]) == (["unlogged"], 5)

    def test_an_answer_given_again_does_not_turn_its_memory_back(self, policy, url, monkeypatch):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            ledger.evaluate(policy, snapshot(2))
            ledger.evaluate(policy, snapshot(1), idempotency_key="k")
            assert self.unlogged(ledger, policy, 3, monkeypatch).outputs["number"] == 3

    def test_the_snapshot_of_the_last_advance_gets_the_memory_before_it(self, policy, url, monkeypatch):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            ledger.evaluate(policy, snapshot(2))
            assert self.unlogged(ledger, policy, 2, monkeypatch).outputs["number"] == 2

    def test_a_memory_read_from_the_log_earlier_does_not_turn_back_what_was_used_since(self, policy, url, monkeypatch):
        """As of a process that is told, late, what stood in the log when it was begun."""
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            early = ledger.last("a", policy.name)
            ledger.evaluate(policy, snapshot(2))
            ledger.recall("a", policy.name, early)
            assert self.unlogged(ledger, policy, 3, monkeypatch).outputs["number"] == 3
        with open_ledger(url) as ledger:
            ledger.recall("a", policy.name, early)
            assert self.unlogged(ledger, policy, 3, monkeypatch).outputs["number"] == 2

    def test_an_answer_tells_the_memory_that_is_on_record_and_none_that_nobody_keeps(self, policy, url, monkeypatch):
        """It advances nothing: the same question again, once there is a log, is given the same memory."""
        with open_ledger(url) as ledger:
            assert self.unlogged(ledger, policy, 1, monkeypatch).memory == {}
            kept = ledger.evaluate(policy, snapshot(1)).memory
            assert self.unlogged(ledger, policy, 2, monkeypatch).memory == kept == {"seen": 1, "worst_loss": 0}

    def test_another_version_of_the_policy_gets_what_it_remembers(self, policy, url, monkeypatch, tmp_path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            edited = counting(tmp_path / "edited", loss="largest_loss")
            decision = self.unlogged(ledger, edited, 2, monkeypatch)
        assert (decision.ok, decision.outputs["number"]) == (True, 2)


def raising(*_):
    raise LogError("log-full", "no room")
