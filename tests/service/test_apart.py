"""A ledger in a process of its own answers as one here does, and outlives that process."""

import asyncio
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from rulecap.audit import LogError, UnusableKey, open_ledger, open_log
from rulecap.audit.last import last_memory
from rulecap.audit.ledger import Asked
from rulecap.audit.replay import replayed
from rulecap.audit.unlogged import unlogged
from rulecap.audit.verify import verify
from rulecap.service import apart
from rulecap.service.apart import LedgerApart
from rulecap.service.recorder import LedgerHere, Recorder
from tests.patience import patience
from tests.service.small import OTHER, POLICY, read, snapshot

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no socket is handed to another process here")
# What a record says that is of its own log and moment.
OWN = ("id", "time")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'log.sqlite3'}"


def run(ledger, ask, loops=asyncio.new_event_loop):
    """Run what asks a ledger, and close it."""

    async def main():
        try:
            return await ask(ledger)
        finally:
            await ledger.close()

    with patience(120), asyncio.Runner(loop_factory=loops) as runner:
        return runner.run(main())


def codes(decision):
    return [problem.code for problem in decision.problems]


def process_of(ledger):
    return ledger._scribe._process


def bodies(url):
    with open_log(url) as log:
        assert verify(log).fine
        return [{name: value for name, value in one.record.fields.items() if name not in OWN} for one in log.stored()]


def shown(decision):
    about = (decision.decision, decision.answered_by, decision.outputs, decision.memory, decision.problems, decision.ok)
    return (*about, (decision.record_id or "").rpartition("-")[2])


class TestAnswers:
    def test_are_those_of_a_ledger_here_and_so_are_the_records(self, tmp_path):
        """Over memory, keys, several policies, decisions that there are not, and figures that are out of range."""
        urls = [f"sqlite:///{tmp_path / name}" for name in ("apart.sqlite3", "here.sqlite3")]
        example = read((Path(__file__).parents[2] / "policies/default/examples/sushi_recorded.json").read_bytes())
        questions = [
            *(Asked(policy, snapshot(minute, 5000.0 - 300 * minute), decision)
              for minute in (0, 1, 2, 1) for policy in (POLICY, OTHER) for decision in ("state", "drawdown", "margin")),
            *(Asked(POLICY, example, decision) for decision in POLICY.decisions),
            Asked(POLICY, example, "position", "key"), Asked(POLICY, example, "position", "key"),
            Asked(POLICY, snapshot(9), "position", "key"), Asked(POLICY, example, "position", "", b"what was asked"),
            Asked(POLICY, snapshot(4, balance=-1.0), "position"), Asked(POLICY, example, "no such decision"),
            Asked(POLICY, example, "margin", asked_by="bot"), Asked(POLICY, example, "margin", asked_by="a\nb"),
        ]  # fmt: skip

        async def ask(ledger):
            found = []
            for start in range(0, len(questions), 5):
                found += await ledger.answer(questions[start : start + 5])
            return found

        ours = run(LedgerApart(urls[0], POLICY), ask)
        theirs = run(LedgerHere(open_ledger(urls[1])), ask)
        assert [shown(one) for one in ours] == [shown(one) for one in theirs]
        assert [one.snapshot is asked.snapshot for one, asked in zip(ours, questions, strict=True)] == [
            one.snapshot is asked.snapshot for one, asked in zip(theirs, questions, strict=True)
        ]
        assert bodies(urls[0]) == bodies(urls[1])
        with open_log(urls[0]) as log:
            assert {
                replayed(one.record, log.policy(one.record.fields["policy"]["digest"])) for one in log.stored()
            } == {None}

    def test_come_in_the_order_asked_though_two_crowds_ask_at_once(self, url):
        seen = []

        async def ask(ledger):
            recorder = Recorder(ledger, lambda *told: seen.append(told))
            found = []
            for _ in range(5):
                asked = (recorder.ask(Asked(POLICY, snapshot(0, 1000.0 + n), "state")) for n in range(20))
                found += await asyncio.gather(*asked)
            return found

        found = run(LedgerApart(url, POLICY), ask)
        assert [one.outputs["total_wallet_balance"] for one in found] == [1000.0 + n for n in range(20)] * 5
        assert sorted(int(one.record_id.rpartition("-")[2]) for one in found) == list(range(1, 101))
        assert len(seen) == len(bodies(url)) == 100

    def test_of_an_edited_policy_are_its_own(self, url, tmp_path):
        async def ask(ledger):
            return [(await ledger.answer([Asked(one, snapshot(), "state")]))[0] for one in (POLICY, OTHER, POLICY)]

        decisions = run(LedgerApart(url, POLICY), ask)
        assert all(one.ok for one in decisions)
        with open_log(url) as log:
            assert log.policy_digests() == {POLICY.digest, OTHER.digest}


class TestAProcess:
    def test_that_was_killed_is_replaced_and_memory_goes_on(self, url):
        async def ask(ledger):
            first = await ledger.answer([Asked(POLICY, snapshot(1, 5000.0), "drawdown")])
            before = process_of(ledger)
            before.kill()
            before.wait()
            second = await ledger.answer([Asked(POLICY, snapshot(2, 4000.0), "drawdown")])
            assert process_of(ledger).pid != before.pid
            return first[0], second[0]

        first, second = run(LedgerApart(url, POLICY), ask)
        assert codes(second) == []
        assert second.memory["peak_equity"] == first.memory["peak_equity"] == 5000.0
        assert [one["seq"] for one in bodies(url)] == [1, 2]

    def test_that_is_killed_in_mid_answer_leaves_nobody_without_one(self, url):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            os.kill(process_of(ledger).pid, signal.SIGSTOP)
            waiting = [asyncio.create_task(ledger.answer([Asked(POLICY, snapshot(2), "state")] * 3)) for _ in range(2)]
            await asyncio.sleep(0.05)
            process_of(ledger).kill()
            return [one for answers in await asyncio.gather(*waiting) for one in answers]

        decisions = run(LedgerApart(url, POLICY), ask)
        assert [codes(one) for one in decisions] == [[]] * 6
        on_record = {one.record_id for one in decisions}
        with open_log(url) as log:
            assert len(on_record) == 6
            assert all(log.find(name) is not None for name in on_record)
            assert verify(log).fine

    def test_that_stands_still_is_ended_and_replaced(self, url, monkeypatch):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            monkeypatch.setattr(apart, "LONGEST_ANSWER", 0.5)
            stopped = process_of(ledger)
            os.kill(stopped.pid, signal.SIGSTOP)
            waiting = asyncio.create_task(ledger.answer([Asked(POLICY, snapshot(2), "state")]))
            await asyncio.sleep(0.4)
            monkeypatch.setattr(apart, "LONGEST_ANSWER", 30.0)
            return (await waiting)[0], stopped

        decision, stopped = run(LedgerApart(url, POLICY), ask)
        assert codes(decision) == []
        assert stopped.returncode == -signal.SIGKILL

    def test_that_stands_still_is_replaced_at_once_for_all_who_wait(self, url, monkeypatch):
        """Whoever asked later is told with the first whose patience ends, and not only when his own does."""
        unseen = []

        async def ask(ledger):
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context["message"]))
            await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            os.kill(process_of(ledger).pid, signal.SIGSTOP)
            monkeypatch.setattr(apart, "LONGEST_ANSWER", 0.5)
            waiting = [asyncio.create_task(ledger.answer([Asked(POLICY, snapshot(2), "state")]))]
            await asyncio.sleep(0.1)
            monkeypatch.setattr(apart, "LONGEST_ANSWER", 30.0)
            waiting.append(asyncio.create_task(ledger.answer([Asked(POLICY, snapshot(3), "state")])))
            return [answers[0] for answers in await asyncio.gather(*waiting)]

        decisions = run(LedgerApart(url, POLICY), ask)
        assert ([codes(one) for one in decisions], unseen) == ([[], []], [])

    def test_remembers_what_a_log_held_before_it_began_while_nothing_can_be_written(self, url):
        with open_ledger(url) as ledger:
            known = ledger.evaluate(POLICY, snapshot(1, 5000.0), "drawdown")

        async def ask(ledger):
            ledger.recall("a", POLICY.name, last_memory(url, "a", POLICY.name))
            problem = unlogged(LogError("log-locked", "it is locked"))
            return ledger.unrecorded(Asked(POLICY, snapshot(2, 4000.0), "drawdown"), problem)

        assert run(LedgerApart(url, POLICY), ask).memory == known.memory

    def test_that_cannot_be_replaced_leaves_entries_refused_and_reductions_answered(self, url, tmp_path):
        async def ask(ledger):
            known = await ledger.answer([Asked(POLICY, snapshot(1, 5000.0), "drawdown")])
            path = tmp_path / "log.sqlite3"
            moved = path.rename(tmp_path / "elsewhere")
            process_of(ledger).kill()
            asked = [Asked(POLICY, snapshot(2, 4000.0), name) for name in ("position", "margin", "drawdown")]
            entry, margin, drawdown = await ledger.answer(asked)
            failure = ledger.failure
            moved.rename(path)
            again = await ledger.answer(asked[2:])
            return known[0], entry, margin, drawdown, failure, again[0], ledger.failure

        known, entry, margin, drawdown, failure, again, after = run(LedgerApart(url, POLICY), ask)
        assert failure.code in ("log-gone", "no-log")
        assert codes(entry)[-1] == codes(margin)[-1] == "unlogged"
        assert (entry.ok, entry.record_id) == (False, None)
        assert (margin.ok, margin.record_id, margin.outputs["zone"]) == (True, None, "GREEN_ZONE")
        assert drawdown.memory == known.memory
        assert (codes(again), again.memory["peak_equity"], after) == ([], 5000.0, None)
        assert [one["seq"] for one in bodies(url)] == [1, 2]

    def test_whose_end_is_known_before_it_is_heard_leaves_nobody_without_an_answer(self, url):
        """With the loop that is served with, which refuses to write to what has gone."""
        uvloop = pytest.importorskip("uvloop")
        unseen = []

        async def ask(ledger):
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context["message"]))
            await ledger.answer([Asked(POLICY, snapshot(0), "state")])
            process_of(ledger).kill()
            ledger._scribe._writer.transport.abort()  # as after another shift's writing, which failed
            await asyncio.sleep(0)  # the connection has ended, and nobody has heard of it yet
            found = await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            gc.collect()
            return found

        (decision,) = run(LedgerApart(url, POLICY), ask, uvloop.new_event_loop)
        assert (codes(decision), decision.record_id[-2:], unseen) == ([], "-2", [])

    @pytest.mark.parametrize("what", ["Popen", "socketpair"])
    def test_for_which_there_is_no_room_leaves_entries_refused_and_reductions_answered(self, url, monkeypatch, what):
        async def ask(ledger):
            process_of(ledger).kill()
            with monkeypatch.context() as patched:
                patched.setattr(subprocess if what == "Popen" else socket, what, no_room)
                refused = await ledger.answer([Asked(POLICY, snapshot(1), one) for one in ("state", "margin")])
                failure = ledger.failure
            return refused, failure, await ledger.answer([Asked(POLICY, snapshot(1), "state")]), ledger.failure

        (state, margin), failure, (fine,), after = run(LedgerApart(url, POLICY), ask)
        assert (codes(state), state.ok, codes(margin), margin.ok) == (["unlogged"], False, ["unlogged"], True)
        assert failure.code == "log-failed"
        assert (codes(fine), after) == ([], None)

    @pytest.mark.parametrize("what", ["packed", "unpacked"])
    def test_that_cannot_be_understood_leaves_entries_refused_and_reductions_answered(self, url, monkeypatch, what):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(0), "state")])
            with monkeypatch.context() as patched:
                patched.setattr(apart, what, no_sense)
                refused = await ledger.answer([Asked(POLICY, snapshot(1), one) for one in ("state", "margin")])
                failure = ledger.failure
            return refused, failure, await ledger.answer([Asked(POLICY, snapshot(2), "state")]), ledger.failure

        (state, margin), failure, (fine,), after = run(LedgerApart(url, POLICY), ask)
        assert (codes(state), state.ok, codes(margin), margin.ok) == (["unlogged"], False, ["unlogged"], True)
        assert (failure.code, "12000" in failure.reason) == ("log-failed", False)
        assert (codes(fine), after) == ([], None)

    def test_goes_on_with_no_other_log_than_the_one_it_had(self, url, tmp_path):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(1), "state")] * 3)
            process_of(ledger).kill()
            process_of(ledger).wait()
            for path in tmp_path.glob("log.sqlite3*"):
                path.unlink()
            with open_ledger(url) as other:
                other.evaluate(POLICY, snapshot(1), "state")
            decision = (await ledger.answer([Asked(POLICY, snapshot(2), "state")]))[0]
            return decision, ledger.failure

        decision, failure = run(LedgerApart(url, POLICY), ask)
        assert (codes(decision), decision.record_id, failure.code) == (["unlogged"], None, "log-replaced")

    def test_whose_log_fails_tells_so_and_when_it_is_written_again(self, url):
        async def ask(ledger):
            with locked(url):
                refused = (await ledger.answer([Asked(POLICY, snapshot(1), "state")]))[0]
                failure = ledger.failure
            fine = (await ledger.answer([Asked(POLICY, snapshot(1), "state")]))[0]
            return refused, failure, fine, ledger.failure

        refused, failure, fine, after = run(LedgerApart(url, POLICY), ask)
        assert (codes(refused), failure.code) == (["unlogged"], "log-locked")
        assert (codes(fine), after) == ([], None)

    def test_that_finds_no_program_is_no_ledger(self, url, monkeypatch):
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(LogError) as raised:
            LedgerApart(url, POLICY)
        assert (raised.value.code, raised.value.reason) == ("log-failed", "the log's process did not come up")

    @pytest.mark.parametrize(
        ("address", "key", "kind", "said"),
        [
            ("sqlite:////no/such/folder/log.sqlite3", "", LogError, "log-gone"),
            ("nonsense", "", LogError, "bad-log-address"),
            (None, "/no/such/key", UnusableKey, "/no/such/key"),
        ],
    )
    def test_that_cannot_open_the_log_says_why(self, url, monkeypatch, address, key, kind, said):
        if key:
            monkeypatch.setenv("RULECAP_SIGNING_KEY", key)
        with pytest.raises(kind) as raised:
            LedgerApart(address or url, POLICY)
        assert said in str(raised.value)

    def test_is_gone_once_the_ledger_is_closed(self, url):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            return process_of(ledger)

        assert run(LedgerApart(url, POLICY), ask).returncode == 0

    def test_is_gone_with_the_service_that_was_killed(self, url, tmp_path):
        command = [sys.executable, "-c", ALONE, url]
        with patience(60), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None  # a pipe
            scribe = int(service.stdout.readline())
            service.kill()
            service.wait()
            while alive(scribe):
                time.sleep(0.02)

    def test_does_not_end_with_the_terminal_s_ctrl_c_nor_by_a_stop_of_the_whole_group(self, url):
        async def ask(ledger):
            await ledger.answer([Asked(POLICY, snapshot(1), "state")])
            before = process_of(ledger)
            for ended_by in (signal.SIGINT, signal.SIGTERM):
                os.kill(before.pid, ended_by)
            await ledger.answer([Asked(POLICY, snapshot(2), "state")])
            return before is process_of(ledger)

        assert run(LedgerApart(url, POLICY), ask)


def no_room(*_, **__):
    raise OSError(errno.EMFILE, "too many open files")


def no_sense(*_):
    raise ValueError("12000 is in here")


ALONE = """
import sys, time
from rulecap import load_policy
from rulecap.service.apart import LedgerApart

ledger = LedgerApart(sys.argv[1], load_policy("default"))
print(ledger._scribe._process.pid, flush=True)
time.sleep(60)
"""


def alive(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@contextmanager
def locked(url):
    """Have somebody else hold the log."""
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()
