"""Values as JSON: the same bytes as pydantic writes, which wrote the records of before."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import to_json

from rulecap.engine import outputs
from rulecap.engine.outputs import json_text, json_value
from rulecap.language.values import iso
from rulecap.snapshot.model import Bracket

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-9e15, 9e15)  # from 10^16 on either says 1e16 or 1e+16, by its version
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.datetimes(timezones=st.just(UTC))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text('ab\\"é', max_size=3), inner),
    max_leaves=8,
)


@given(VALUES)
@example(2**64)
@example({"at": datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC), "small": 5e-324, "minus": -0.0})
def test_values_are_the_bytes_that_records_had_before(value: Any) -> None:
    """Promise: a record of another version is computed again to the same bytes, so its values are written alike."""
    assert json_text(value) == to_json(value, fallback=json_value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_back_as_it_was(number: float) -> None:
    """Promise: the log has the very numbers that were computed with."""
    assert json.loads(json_text(number)) == number
    assert json_text(number).replace(b"e+", b"e") == to_json(number).replace(b"e+", b"e")


def test_an_element_of_the_snapshot_is_written_by_its_fields() -> None:
    """A bracket that a rule has picked stands in the steps with all its fields, those that are absent as null."""
    bracket = Bracket(max_notional=1.0, max_leverage=2.0, maintenance_margin_rate=0.1, maintenance_amount=0.0)
    assert json.loads(json_text([bracket])) == [bracket.model_dump()]
    assert json_text([bracket]) == to_json([bracket])


def test_a_time_is_written_as_the_language_writes_it() -> None:
    """Promise: times are ISO-8601 with Z."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC)
    assert json_text(moment) == b'"%s"' % iso(moment).encode()


def test_what_is_no_value_of_the_language_is_refused() -> None:
    """A value that nobody knows how to write is a fault, not a text."""
    with pytest.raises(ValueError, match="object is no value of the language"):
        json_text({"odd": object()})


def test_a_ctrl_c_is_not_lost_while_a_value_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person at the keyboard asks for is no value that cannot be written."""

    def interrupted(_value: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "json_value", interrupted)
    with pytest.raises(KeyboardInterrupt):
        json_text([Bracket(max_notional=1.0, max_leverage=2.0, maintenance_margin_rate=0.1, maintenance_amount=0.0)])
