"""Review: finding records, reading them again, and what they say together."""
