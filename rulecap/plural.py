"""One record, two records: apart from `problems`, since a command that says nothing yet loads it."""


def how_many(count: int, what: str) -> str:
    """Return a count with its noun: `1 record`, `1,200 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
