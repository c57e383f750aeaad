"""Evaluation: plan, compiler, decision, trace; no clock, no file, no network."""
