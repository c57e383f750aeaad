"""How fast rulecap is, against hand-written Python, simpleeval and zen-engine: `python -m benchmarks`.

case.py         the recorded snapshot, and the scalars that the rule engines are handed
handwritten.py  the position decision as a programmer would write it, without a trace
steps.py        the decision's scalar steps, as Python expressions and as zen-engine's
rivals.py       the engines that evaluate those steps
measure.py      interleaved rounds, medians, subprocesses, memory
suite.py        what is measured, against what, and the ratio to reach
report.py       the table, on the terminal and in docs/performance.md
"""
