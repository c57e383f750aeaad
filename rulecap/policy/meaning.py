"""What a policy means: its document without comments, layout and the texts that change no answer."""

import hashlib
import json

from rulecap.policy.nodes import Mapping, plain
from rulecap.policy.overlay import SECTIONS

NO_MEANING = ("title", "why", "source")
SHOWN = "history"  # what is shown afterwards changes no answer
# Below these keys a policy gives names of its own, which may be the same words.
FREE = frozenset({"outputs", "on_error", "value", "is", "give", "do", "sums"})
CASES = frozenset({"cases", "rows"})
SAID = frozenset({"checks", "steps"})  # their `why` is part of an answer


def meaning_of(document: Mapping | None) -> str:
    """Return the SHA-256 over what a merged document says, hexadecimal."""
    said = plain(document) if document is not None else None
    kept = _document(said) if isinstance(said, dict) else said
    return hashlib.sha256(
        json.dumps(kept, sort_keys=True, ensure_ascii=False).encode(errors="surrogatepass")
    ).hexdigest()


def _document(said: dict[str, object]) -> dict[str, object]:
    return {
        key: {name: _part(entry) for name, entry in part.items()}
        if key in SECTIONS and isinstance(part, dict)
        else part
        for key, part in said.items()
        if key not in NO_MEANING and key != SHOWN
    }


def _part(value: object, texts: tuple[str, ...] = NO_MEANING) -> object:
    """Return a part of a policy without its explanatory texts."""
    if isinstance(value, list):
        return [_part(item, texts) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _below(key, inner) for key, inner in value.items() if key not in texts}


def _below(key: str, value: object) -> object:
    if key in FREE:
        return value
    if key in SAID:
        return _part(value, ("title", "source"))
    if key in CASES and isinstance(value, list):
        return [_case(item) for item in value]
    if key == "otherwise" and isinstance(value, dict) and "branches" not in value:  # a table's last row
        return _case(value)
    return _part(value)


def _case(value: object) -> object:
    """Return a case without its texts; its columns are the policy's own, also within a record."""
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if key not in NO_MEANING}
