"""Leaving a venue alone for as long as it wishes: whoever goes on asking is banned for longer."""

import pytest

from rulecap.exchange.bans import BAN_SECONDS, Rest, Resting
from rulecap.exchange.errors import VenueError


def wish(code, seconds=None, text="too much"):
    error = VenueError(code, text)
    error.retry_after = seconds
    return error


def left(rest):
    """Return with what the venue is not asked, and for how long."""
    with pytest.raises(Resting) as raised:
        rest.check()
    return raised.value


def test_a_shorter_wish_ends_no_longer_one_sooner():
    """Of several questions at once, one may meet the ban, and the others be told to come back in a second."""
    rest = Rest()
    rest.note(wish("venue-banned", 3000.0))
    rest.note(wish("venue-rate-limited", 1.0))
    rest.note(wish("venue-banned"))
    error = left(rest)
    assert error.code == "venue-banned"
    assert 2000.0 < error.retry_after <= 3000.0  # who asks is told when to ask again
    rest.note(wish("venue-rate-limited", 9000.0))
    assert left(rest).code == "venue-rate-limited"


def test_a_question_that_was_not_asked_makes_the_rest_no_longer_and_its_reason_none_the_longer():
    """Whoever asks on meanwhile would never be let through, and the message grow with each time."""
    rest = Rest()
    rest.note(wish("venue-banned", 3000.0, "banned"))
    until = rest.until
    for _ in range(3):
        rest.note(left(rest))
    assert rest.until == until
    assert left(rest).message.count("is not asked") == 1


@pytest.mark.parametrize("text", ["banned", "banned until 1000000000000"])
def test_a_ban_of_unknown_or_past_end_is_taken_for_the_shortest_one(text):
    """The venue's clock may be behind ours, and it may say nothing: asking at once is what it bans for."""
    rest = Rest()
    rest.note(wish("venue-banned", text=text))
    assert BAN_SECONDS / 2 < left(rest).retry_after <= BAN_SECONDS
