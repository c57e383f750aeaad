"""A count with its noun; apart from `problems`, which takes longer to load, because every command needs it at once."""


def how_many(count: int, what: str) -> str:
    """Return a count with its noun: `1 record`, `1,200 records`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
