"""Keys are read from a file or the environment, and seen nowhere: no log, no repr, no message, no traceback."""

import asyncio
import json
import logging
import traceback

import pytest

from rulecap.exchange import Credentials, ExchangeSettings, VenueError, open_exchange
from rulecap.exchange.keys import Keys, read_keys
from tests.exchange.conftest import ENVIRONMENT, settings_of, whole
from tests.venue.venue import KEY, PASSWORD, SECRET

SECRETS = (KEY, SECRET, PASSWORD)


def clean(text):
    return not any(secret in text for secret in SECRETS)


def signatures(venue):
    """Return every signature that was sent."""
    found = [one.sent.rpartition("signature=")[2] for one in venue.requests if "signature=" in one.sent]
    names = ("x-bapi-sign", "ok-access-sign")
    return found + [one.headers[name] for one in venue.requests for name in names if name in one.headers]


@pytest.mark.parametrize("fault", [None, "cut", "drop", "timeout", "wrong-secret", "500"])
def test_nothing_secret_is_seen_however_loud_and_whatever_fails(venue, fault, caplog, capsys):
    for logger in (None, "rulecap", "rulecap.exchange.venue"):  # whatever a test before has set
        caplog.set_level(logging.DEBUG, logger)
    secret = "another-secret-entirely" if fault == "wrong-secret" else SECRET
    for path in (venue.positions_path, venue.order_path):
        if fault in ("cut", "drop", "timeout"):
            venue.fault(path, fault, times=9)
        if fault == "500":
            venue.fault(path, "status", times=9, status=500, body=f"the key was {KEY}")
    seen, behind = [], []

    async def talk():
        environment = ENVIRONMENT | {"RULECAP_API_SECRET": secret}
        async with open_exchange(settings_of(venue, timeout_seconds=0.2), environment) as exchange:
            exchange._session.client.verbose = True
            seen.append(
                repr(exchange) + str(exchange._session.keys) + repr(exchange.settings) + str(exchange._session.client)
            )
            action = {"symbol": "BTCUSDT", "side": "LONG", "quantity": 0.01, "reduce_only": True}
            for question in (lambda: whole(exchange), lambda: exchange.place_reduction(action, "a")):
                try:
                    await question()
                except VenueError as error:
                    seen.append("".join(traceback.format_exception(error)) + repr(error) + str(error.problem()))
                    behind.extend([error.__cause__, error.__context__])

    asyncio.run(talk())
    shown = capsys.readouterr()
    text = "\n".join([*seen, caplog.text, shown.out, shown.err])
    assert not any(behind)
    assert signatures(venue)
    assert clean(text)
    assert secret not in text
    assert not [one for one in signatures(venue) if one in text]
    assert venue.prefix in caplog.text  # it was loud


def test_a_signature_is_taken_out_whatever_its_name():
    keys = Keys("the-key", "the+secret/=", "pass")
    told = "/y?a=1&signature=abcdef01&b=2 {'X-BAPI-SIGN': 'ff00', 'X-MBX-APIKEY': 'the-key'} the%2Bsecret%2F%3D"
    redacted = keys.redacted(told)
    for secret in ("abcdef01", "ff00", "the-key", "the%2B", "pass"):
        assert secret not in redacted
    assert "a=1&" in redacted and "&b=2" in redacted


def test_keys_come_from_a_file(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"key": "k1", "secret": "s1", "password": "p1"}))
    keys = read_keys(Credentials(file=path), {"RULECAP_API_KEY": "other", "RULECAP_API_SECRET": "other"})
    assert (keys.key, keys.secret, keys.password) == ("k1", "s1", "p1")
    assert "k1" not in repr(keys)


def test_the_environments_names_can_be_chosen():
    where = Credentials(key_variable="A", secret_variable="B")
    assert read_keys(where, {"A": "k", "B": "s"}).key == "k"
    assert not read_keys(where, {}).present


@pytest.mark.parametrize("text", ["", "[]", '{"apiKey": "s3cr3t"}', '{"key": 5, "secret": "s3cr3t"}', "\x00 s3cr3t"])
def test_a_file_that_holds_no_keys_is_refused_without_repeating_it(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(VenueError) as raised:
        read_keys(Credentials(file=path), {})
    assert raised.value.code == "keys-unreadable"
    assert "s3cr3t" not in "".join(traceback.format_exception(raised.value))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(VenueError, match=r"none\.json: No such file"):
        read_keys(Credentials(file=tmp_path / "none.json"), {})


@pytest.mark.parametrize("environment", [{"RULECAP_API_KEY": "k"}, {"RULECAP_API_SECRET": "s3cr3t"}])
def test_one_of_two_is_missing(environment):
    with pytest.raises(VenueError) as raised:
        open_exchange(ExchangeSettings(venue="binanceusdm"), environment)
    assert raised.value.code == "keys-missing"
    assert "s3cr3t" not in str(raised.value)


def test_a_file_that_holds_one_of_two_is_named_in_a_sentence(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text('{"secret": "s3cr3t"}')
    with pytest.raises(VenueError) as raised:
        read_keys(Credentials(file=path), {})
    assert (raised.value.code, raised.value.message) == ("keys-missing", f"the key is missing: {path} must hold both")


def test_settings_hold_no_key():
    with pytest.raises(ValueError, match="extra"):
        ExchangeSettings.model_validate({"venue": "binanceusdm", "apiKey": "x"})
