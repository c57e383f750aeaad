"""Characters that nobody sees in a policy, which therefore may not be in it."""

import re

# What YAML does not allow, and what it does but a reader cannot see: other line ends, byte order marks inside the
# text, and the marks that turn the direction of writing, so that a policy reads otherwise than it acts.
UNSEEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def shown(text: str) -> str:
    """Return a text in which every character can be seen, at the same places, and none moves a terminal's cursor."""
    return text if text.isprintable() else UNSEEN.sub("\ufffd", text)
