"""Measuring: interleaved rounds and medians, so that a busy machine spoils both sides of a ratio alike."""

import gc
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

Call = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds per call of several things, round by round: `seconds[name][round]`."""

    seconds: Mapping[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """Return the median over the rounds, in seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, other: str) -> float:
        """Return the median of the per-round ratios: how many times as long as the other it takes."""
        pairs = zip(self.seconds[name], self.seconds[other], strict=True)
        return statistics.median(a / b for a, b in pairs)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector from running inside a round; it ran just before."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def time_calls(
    calls: Mapping[str, Call], rounds: int, seconds_each: float = 0.01, clock: Clock = time.process_time
) -> Timings:
    """Return timings of the calls, each taken once in every round, in another order every time.

    It is the process's own time that is counted (all of its threads'), so that other processes on the machine count
    for little; on an idle machine that is the time on the clock.

    Args:
        calls: what to time, by name.
        rounds: how often each is timed.
        seconds_each: about how long one timing takes; the calls are repeated to fill it.
        clock: what tells the time; where a disk is waited for, that is `time.perf_counter`.
    """
    counts = {name: _repetitions(call, seconds_each, clock) for name, call in calls.items()}
    order, chance = list(calls), Random("rounds")
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        chance.shuffle(order)
        with without_collector():
            for name in order:
                seconds[name].append(_time(calls[name], counts[name], clock) / counts[name])
    return Timings({name: tuple(values) for name, values in seconds.items()})


def _time(call: Call, repetitions: int, clock: Clock) -> float:
    """Return how much time that many calls take."""
    loop = range(repetitions)
    start = clock()
    for _ in loop:
        call()
    return clock() - start


def _repetitions(call: Call, seconds: float, clock: Clock) -> int:
    """Return how many calls fill that time; the first ones, which may compile something, are not counted."""
    _time(call, 10, clock)
    repetitions = 1
    while True:
        taken = _time(call, repetitions, clock)
        if taken >= seconds / 4:
            return max(1, round(repetitions * seconds / taken))
        repetitions *= 2


def time_processes(commands: Mapping[str, Sequence[str]], rounds: int) -> Timings:
    """Return how much processor time the commands take as processes, from start to end, in turn in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        _run(command)  # files into the page cache, bytecode written
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(_run(command))
    return Timings({name: tuple(values) for name, values in seconds.items()})


def _run(command: Sequence[str]) -> float:
    """Return how much processor time a process takes; raises where it fails."""
    start = _of_children()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _of_children() - start


def _of_children() -> float:
    """Return the processor time of all processes that were started from here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def python(code: str) -> list[str]:
    """Return the command that runs a line of Python in a fresh process."""
    return [sys.executable, "-c", code]


def memory_kept(make: Call) -> int:
    """Return how many bytes what `make` returns keeps allocated, module-level caches warmed before."""
    make()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del kept
        return after - before
    finally:
        tracemalloc.stop()
