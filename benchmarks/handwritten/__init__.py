"""The position decision as a programmer writes it for speed: a Snapshot in, outputs and next memory out, no trace.

It gives the same answer as `policies/default`, texts included; the benchmark asserts that before it times anything.
What the policy has beyond it is what the comparison prices: every step's value kept, checked units, and rules in a file
that a risk manager can change. Like the policy it refuses inputs out of range; it knows entries only, no reductions.
"""

from benchmarks.handwritten.decide import decide

__all__ = ["decide"]
