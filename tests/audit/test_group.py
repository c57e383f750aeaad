"""Group commit: everything is done once, together where it comes together, and nobody waits for ever."""

import linecache
import signal
import sys
import threading
import time
from itertools import count
from random import Random

import pytest

from rulecap.audit.group import Group, State, Turn
from tests.patience import patience


def test_one_thread_is_done_alone():
    batches = []
    group = Group(batches.append, patience=1)
    assert all(group.ask(item) for item in range(5))
    assert batches == [[0], [1], [2], [3], [4]]


def crowd(group, threads, each):
    """Ask from many threads at once; return what was not done."""
    refused = []

    def ask(number):
        refused.extend((number, count) for count in range(each) if not group.ask((number, count)))

    running = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return refused


def test_what_comes_together_is_done_together_and_each_once():
    batches = []

    def work(batch):
        time.sleep(0.002)
        batches.append(batch)

    with patience(60):
        assert crowd(Group(work, patience=30), threads=16, each=20) == []
    done = [item for batch in batches for item in batch]
    assert sorted(done) == [(number, count) for number in range(16) for count in range(20)]
    assert len(batches) < len(done) / 4


def test_only_one_works_at_a_time_however_threads_are_switched():
    inside, most = [], []

    def work(batch):
        inside.append(batch)
        most.append(len(inside))
        inside.remove(batch)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with patience(60):
            assert crowd(Group(work, patience=30), threads=8, each=200) == []
    finally:
        sys.setswitchinterval(before)
    assert set(most) == {1}


def test_who_waits_too_long_takes_back_what_nobody_has_begun():
    begun, go_on, batches = threading.Event(), threading.Event(), []

    def work(batch):
        batches.append(batch)
        begun.set()
        go_on.wait(30)

    group = Group(work, patience=0.05)
    leader = threading.Thread(target=group.ask, args=("slow",))
    leader.start()
    begun.wait(30)
    assert not group.ask("late")
    go_on.set()
    leader.join()
    assert batches == [["slow"]]
    assert group.ask("after")


def test_giving_up_and_being_handed_the_lead_at_the_same_moment_loses_nothing():
    done = []

    def work(batch):
        time.sleep(0.001)
        done.extend(batch)

    with patience(60):
        refused = crowd(Group(work, patience=0.001), threads=8, each=100)
    assert len(done) == len(set(done))
    assert {*done} | {*refused} == {(number, count) for number in range(8) for count in range(100)}


def test_a_failure_reaches_the_one_who_worked_and_the_next_goes_on():
    calls = []

    def work(batch):
        calls.append(batch)
        if len(calls) == 1:
            raise KeyboardInterrupt

    group = Group(work, patience=1)
    with pytest.raises(KeyboardInterrupt):
        group.ask(1)
    assert group.ask(2)


class Interrupted(BaseException):
    """Raised at any place of the main thread, as Ctrl-C raises KeyboardInterrupt."""


@pytest.fixture
def interrupted_soon():
    """Interrupts the main thread once, after so many seconds; returns what stops that."""

    def ring(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.no_cover  # an interruption within coverage may keep its lock, which all threads then wait for
def test_a_thread_that_is_interrupted_anywhere_leaves_the_others_their_turn(interrupted_soon):
    rng, numbers, done, refused, stop = Random("interrupted"), count(), [], [], threading.Event()
    group = Group(done.extend, patience=20)

    def ask():
        while not stop.is_set():
            number = next(numbers)
            if not group.ask(number):
                refused.append(number)

    others = [threading.Thread(target=ask) for _ in range(3)]
    for thread in others:
        thread.start()
    interruptions = 0
    for _ in range(300):
        try:
            interrupted_soon(rng.uniform(1e-5, 2e-3))
            while True:
                assert group.ask(next(numbers))
        except Interrupted:
            interruptions += 1
    stop.set()
    for thread in others:
        thread.join(60)
    assert not any(thread.is_alive() for thread in others)
    assert group.ask("after")
    assert (refused, interruptions) == ([], 300)
    assert len(done) == len(set(done))


@pytest.mark.parametrize("place", ["_lead", "_await_crowd"])
def test_an_interruption_before_the_work_takes_back_what_was_asked(place, monkeypatch):
    done = []
    group = Group(done.extend, patience=1)
    group._expected = 2

    def interrupt(*_):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(group, place, interrupt)
        with pytest.raises(Interrupted):
            group.ask(1)
    assert group.ask(2)
    assert done == [2]


@pytest.mark.no_cover  # as above
def test_one_who_is_interrupted_while_he_waits_is_never_made_the_leader(interrupted_soon):
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(batch):
        begun.set()
        go_on.wait(30)
        done.extend(batch)

    group = Group(work, patience=20)
    leader = threading.Thread(target=group.ask, args=("slow",))
    leader.start()
    begun.wait(30)
    interrupted_soon(0.05)
    with pytest.raises(Interrupted):
        group.ask("interrupted")
    go_on.set()
    leader.join(30)
    assert group.ask("after")
    assert done == ["slow", "after"]


class Busy(Group):
    """A group in which another thread comes by before one that was interrupted clears up."""

    def __init__(self, work, at):
        super().__init__(work, patience=10)
        self.left = at

    def trace(self, frame, event, _):
        """Interrupt the thread at one of the group's lines."""
        if frame.f_globals["__name__"] != Group.__module__:
            return None
        # Python looks for interruptions nowhere between a body's last call and the end of its `with`.
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if event == "line" and not line.startswith("with"):
            self.left -= 1
            if self.left == 0:
                raise Interrupted
        return self.trace

    def _settle(self, own):
        if self.left == 0:
            self.left = -1
            passer = Turn("somebody who is done")
            passer.state = State.DONE
            super()._settle(passer)
            time.sleep(0.002)  # whoever was woken runs
        super()._settle(own)


def waiting_behind(group, names):
    """Start threads that ask while somebody leads; return them and what each of them got, once all of them wait."""
    group._leader = Turn("nobody")
    got = {}
    threads = [threading.Thread(target=lambda name=name: got.update({name: group.ask(name)})) for name in names]
    for thread in threads:
        thread.start()
    while len(group._queue) < len(threads):
        time.sleep(0.0005)
    group._leader = None
    return threads, got


def test_a_leader_that_is_interrupted_at_any_line_leaves_all_who_wait_their_turn():
    places, interrupted = 0, True
    while interrupted:
        places += 1
        done = []
        group = Busy(done.extend, places)
        threads, got = waiting_behind(group, "ab")
        before = sys.gettrace()
        sys.settrace(group.trace)
        try:
            group.ask("own")
        except Interrupted:
            pass
        finally:
            sys.settrace(before)
        interrupted = group.left <= 0
        assert group.ask("after"), places
        for thread in threads:
            thread.join(5)
        assert got == {"a": True, "b": True}, places
        assert (group._queue, group._leader) == ([], None), places
        assert len(done) == len(set(done)), places
    assert places > 20
