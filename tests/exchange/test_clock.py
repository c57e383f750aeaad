"""The venue's time: counted on by a clock that nobody sets, known as well as a request's way lets it be."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rulecap.exchange import VenueError
from rulecap.exchange.clock import VenueClock, moment
from rulecap.exchange.reading import Reference


def test_it_is_counted_on_by_the_clock_that_nobody_sets(clocks):
    told = VenueClock(1_000_000_000.0, 50.0, 0.0)
    clocks.go_on(2.5)
    clocks.wall += 600.0
    assert told.now_ms() == 1_000_002_500.0
    assert told.skew_seconds() == 600.0


@pytest.mark.parametrize(
    ("ahead", "uncertainty", "skew"),
    [(3.0, 0.5, 2.5), (-3.0, 0.5, -2.5), (0.5, 0.5, 0.0), (-0.4, 0.5, 0.0), (0.0, 0.0, 0.0)],
)
def test_what_cannot_be_known_is_no_skew(clocks, ahead, uncertainty, skew):
    assert VenueClock(1000.0 * (clocks.wall - ahead), clocks.steady, uncertainty).skew_seconds() == skew


@pytest.mark.parametrize(("ahead", "way"), [(6.0, "6.0 s ahead of"), (-6.0, "6.0 s behind")])
def test_a_clock_is_refused_from_more_than_what_is_allowed_on(clocks, ahead, way):
    told = VenueClock(1000.0 * (clocks.wall - ahead), clocks.steady, 0.0)
    assert told.checked(6.0) is told
    with pytest.raises(VenueError) as raised:
        told.checked(5.5)
    assert raised.value.code == "clock-skew"
    assert raised.value.message == f"the local clock is {way} the venue's; more than 5.5 s is refused"


def test_an_answer_was_true_half_way_between_asking_and_being_told(clocks):
    """As good as it can be known; a slow way makes it less certain, not wrong."""

    async def fetch_time():
        clocks.go_on(3.0)
        return 1000 * (clocks.wall - 1.5)

    client = SimpleNamespace(has={"fetchTime": True}, fetch_time=fetch_time, options={})
    told = asyncio.run(Reference(client, False).clock())
    assert (told.at, told.uncertainty) == (51.5, 1.5)
    assert told.skew_seconds() == 0.0
    assert told.now_ms() == 1000.0 * clocks.wall


def test_a_venue_that_tells_no_time_is_taken_to_have_ours(clocks):
    told = asyncio.run(Reference(SimpleNamespace(has={"fetchTime": None}), False).clock())
    clocks.go_on(1.0)
    assert (told.now_ms(), told.uncertainty) == (1000.0 * clocks.wall, 0.0)


def test_a_time_that_is_none_is_half_an_answer(clocks):
    async def fetch_time():
        return None

    with pytest.raises(VenueError, match="time is no number") as raised:
        asyncio.run(Reference(SimpleNamespace(has={"fetchTime": True}, fetch_time=fetch_time), False).clock())
    assert raised.value.code == "half-an-answer"


def test_a_moment_is_of_whole_milliseconds():
    assert moment(1_700_000_000_123.6) == datetime(2023, 11, 14, 22, 13, 20, 124_000, UTC)
