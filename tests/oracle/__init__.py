"""The default policy a second time, by hand, in plain Python, without anything of the package under test.

It is an independent reading of the design's rules: dictionaries in, dictionaries out, written to be obviously right and
slow if need be. `decide(decision, snapshot, memory)` gives the outputs and the next memory, or raises `InputError`.

    account.py   what follows from the account alone: state, margin, scaling, drawdown
    market.py    arithmetic on the order book, order slices, liquidation price, confidence bound
    portfolio.py what follows from several positions: risk parity, tiers, opportunity
    trade.py     one trade: kelly, leverage, liquidity, position, reduction
    decide.py    which parts of a snapshot each decision needs, and the dispatch
"""

from tests.oracle.decide import DECISIONS, InputError, decide

__all__ = ["DECISIONS", "InputError", "decide"]
