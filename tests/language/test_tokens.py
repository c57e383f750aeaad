"""The pre-tokenizer: unit literals and reserved words are masked, and every character stays at its place."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.language.tokens import mask
from rulecap.units import SUFFIXES

pieces = st.sampled_from(
    ["5", "0.5", ".5", "1e3", "1_000", "%", "bp", "x", "h", "min", "d", "s", " USD", " ", "'a 5%'", '"5x"', "zone",
     ".from", ".is", ".to", "and", "(", ")", ",", "\n", "\t", "é", "5%5", "a5x", "x.5x", "'", "5 %", "[", "<", "=="]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join) | st.text(max_size=40)


@given(texts)
def test_masking_keeps_the_length(text: str) -> None:
    assert len(mask(text).text) == len(text)


@given(texts)
def test_only_suffixes_reserved_words_and_white_space_are_changed(text: str) -> None:
    masked = mask(text)
    touched = {place for start in masked.units for place in range(start, len(text))} | set(masked.words)
    for place, (before, after) in enumerate(zip(text, masked.text, strict=True)):
        if before != after:
            assert place in touched or (before.isspace() and after == " ")


@given(st.floats(0, 1e6).map(repr), st.sampled_from(sorted(SUFFIXES)), st.booleans())
def test_every_literal_is_found_with_its_unit(number: str, suffix: str, space: bool) -> None:
    text = f"a > {number}{' ' * space}{suffix} + b"
    assert mask(text).units == {4: SUFFIXES[suffix]}


@pytest.mark.parametrize("text", ["'5%'", '"3x"', "a5x", "zone.5x", "5xs", "5bps", "5 usd", "x5h"])
def test_what_only_looks_like_a_literal(text: str) -> None:
    assert mask(text).units == {}


@pytest.mark.parametrize("text", ["zone.from", "zone.is", "tier.CORE.leverage.from > 3x and zone.from < 5%"])
def test_a_field_may_be_one_of_pythons_words(text: str) -> None:
    masked = mask(text)
    ast.parse(masked.text, mode="eval")
    assert all(text[place:].startswith(word) for place, word in masked.words.items())
    assert masked.words
