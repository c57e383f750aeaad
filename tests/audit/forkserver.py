"""Processes that start quickly: copies of one that has everything imported and compiled, and nothing open."""

import multiprocessing

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.audit.killed", "tests.audit.together"])
