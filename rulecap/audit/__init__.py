"""The audit log: every decision on record, provable, replayable."""
