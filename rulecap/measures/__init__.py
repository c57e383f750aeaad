"""Market arithmetic that expressions may call: pure functions of floats, each with the source of its formula."""
