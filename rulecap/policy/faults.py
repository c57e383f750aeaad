"""A schema validator's errors as single faults: one for each place, without those that only echo another one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from operator import ne
from typing import TYPE_CHECKING, Any

from rulecap.problems import NEAR

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Path = tuple[str | int, ...]
# Where two keywords blame the same value, the earlier one of these is said.
MOST_TELLING = ("not", "type", "const", "enum", "minLength", "minItems", "minProperties", "pattern")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        path: the keys and indexes that lead to the value.
        keyword: which of the schema's demands is not met: a JSON schema keyword, `unknown` for a key that is not
            allowed and `name` for one that is misnamed.
        key: the key that is missing, unknown or misnamed; none where the value itself is wrong.
        schema: the schema that demands it.
        value: what stands at the path.
        meant: the missing key that an unknown one may stand for.
    """

    path: Path
    keyword: str
    key: str | None
    schema: dict[str, Any]
    value: Any
    meant: str | None = None

    def unlisted(self) -> list[str]:
        """Return the keys that are there and that the schema does not name."""
        return [key for key in self.value if key not in self.schema.get("properties", {})]

    def resembling(self) -> list[str]:
        """Return the key that is there and looks most like the missing one, if one does."""
        key, here = self.key or "", self.unlisted()
        of_its_length = [one for one in here if len(one) == len(key) and sum(map(ne, one, key)) == 1]
        return of_its_length[:1] or get_close_matches(key, here, n=1, cutoff=NEAR)


def faults(errors: "Iterable[ValidationError]") -> list[Fault]:
    """Return the faults behind a validator's errors."""
    told: dict[tuple[Path, str | None], Fault] = {}
    for error in errors:
        for fault in _faults_of(error):
            known = told.setdefault((fault.path, fault.key), fault)
            if _rank(fault) < _rank(known):
                told[fault.path, fault.key] = fault
    unknown = {(fault.path, fault.key) for fault in told.values() if fault.keyword == "unknown"}
    return _by_another_word([fault for fault in told.values() if not _echoes(fault, unknown)])


def _by_another_word(found: list[Fault]) -> list[Fault]:
    """Return the faults such that a single unknown key where a single one is missing is one fault, not two."""
    kept = list(found)
    for lacking in [fault for fault in found if fault.keyword == "required"]:
        here = [fault for fault in found if fault.path == lacking.path and fault.keyword in ("required", "unknown")]
        strange = next((fault for fault in here if fault.keyword == "unknown"), None)
        if strange is None or len(here) != 2 or not _stands_for(strange, lacking):
            continue
        kept.remove(lacking)
        kept[kept.index(strange)] = replace(strange, meant=lacking.key)
    return kept


def _stands_for(strange: Fault, lacking: Fault) -> bool:
    """Tell whether an unknown key may be another word for a missing one: it holds a value, and resembles no third."""
    others = [key for key in strange.schema.get("properties", {}) if key not in strange.value and key != lacking.key]
    holds = not isinstance(strange.value[strange.key], dict | list)
    return holds and not get_close_matches(strange.key or "", others, n=1, cutoff=NEAR)


def _faults_of(error: "ValidationError") -> Iterator[Fault]:
    """Yield what a single error stands for."""
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.instance
    path = tuple(error.absolute_path)
    keyword = str(error.validator)
    if "propertyNames" in list(error.schema_path)[-2:-1]:
        yield Fault(path, "name", str(value), schema, value)
    elif keyword == "required":
        for key in schema["required"]:
            if key not in value:
                yield Fault(path, keyword, key, schema, value)
    elif keyword == "additionalProperties":
        for key in Fault(path, keyword, None, schema, value).unlisted():
            yield Fault(path, "unknown", key, schema, error.instance)
    else:
        yield Fault(path, keyword, None, schema, error.instance)


def _rank(fault: Fault) -> int:
    """Return how little a fault says; the more telling one of the same place is kept."""
    return MOST_TELLING.index(fault.keyword) if fault.keyword in MOST_TELLING else len(MOST_TELLING)


def _echoes(fault: Fault, unknown: set[tuple[Path, str | None]]) -> bool:
    """Tell whether a key seems to be missing only because it is misspelled, which is reported."""
    if fault.keyword == "required":
        return any((fault.path, key) in unknown for key in fault.resembling())
    return fault.keyword == "anyOf" and any((fault.path, key) in unknown for key in fault.unlisted())
