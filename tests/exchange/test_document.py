"""docs/exchange.md: its commands and programs run against a venue on this machine; its tables are the program's."""

import pytest

from rulecap.cli.usage import VENUE_OPTIONS
from rulecap.exchange.errors import RETRIABLE
from rulecap.exchange.settings import ExchangeSettings
from tests.docs.document import ROOT, Document
from tests.docs.rewrite import rewritten
from tests.exchange.conftest import lead_to
from tests.venue.venue import KEY, SECRET

DOCUMENT = Document(ROOT / "docs" / "exchange.md")


@pytest.fixture
def here(binance, monkeypatch):
    """Lead every exchange to the venue on this machine."""
    lead_to(binance, monkeypatch)
    monkeypatch.setenv("RULECAP_API_KEY", KEY)
    monkeypatch.setenv("RULECAP_API_SECRET", SECRET)
    return binance


def test_everything_in_it_comes_out_as_it_says(here, tmp_path):
    assert rewritten(DOCUMENT, tmp_path) == DOCUMENT.text
    assert [order.client_id for order in here.orders] == ["rulecap-1"]


def test_links_lead_somewhere():
    assert DOCUMENT.broken_links() == []


def test_every_code_is_told():
    told = {code.strip("`"): again == "yes" for code, again, _ in DOCUMENT.table("Code").rows}
    assert told == dict(RETRIABLE)


def test_every_option_is_told():
    told = {
        word.strip("`,").removeprefix("--")
        for cell, _ in DOCUMENT.table("Option").rows
        for word in cell.split()
        if "--" in word
    }
    assert told == set(VENUE_OPTIONS)


def test_the_defaults_that_it_names_are_the_programs():
    settings = ExchangeSettings(venue="binanceusdm")
    assert (settings.bars, settings.timeframe, settings.book_levels) == (14, "1h", 100)
    assert (settings.max_clock_skew_seconds, settings.retries.attempts, settings.retries.longest_seconds) == (5, 4, 30)
