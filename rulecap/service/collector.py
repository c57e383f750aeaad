"""Fewer looks of the garbage collector, in processes that answer requests."""

import gc

ALLOCATIONS = 20_000  # between two looks of the collector at what is new


def settle() -> None:
    """Spare the collector what was loaded and stays: a decision leaves nothing that only it could find."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
