"""Which key asked for a decision is on record, by the name that `rulecap keys list` has, and nowhere the key itself."""

import time

import pytest

from rulecap.audit import open_log
from rulecap.cli import main
from rulecap.service.keys import BY_ITSELF, KeyFile, UnusableKeys, add_key, new_key, read_keys, write_keys
from tests.service.steps import POSITION, bearer
from tests.service.told import SPECIFIED

ASKED = {
    "position": ("POST", POSITION, SPECIFIED),
    "kelly": ("POST", "/api/capital/position-size/kelly", {"win_rate": 0.6, "win_loss_ratio": 2.0}),
    "risk_parity": ("POST", "/api/capital/allocation/risk-parity", {"assets": [{"symbol": "A", "volatility_pct": 5}]}),
    "leverage": ("GET", "/api/capital/leverage/optimal/BTCUSDT", None),
    "multi_tier": ("GET", "/api/capital/allocation/multi-tier", None),
}


@pytest.fixture
def keys(tmp_path):
    """A file of two keys, and the keys."""
    file = tmp_path / "keys.yaml"
    return file, {name: add_key(file, name, ("read", "recommend")) for name in ("grid-bot", "desk")}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'log.sqlite3'}"


def bodies(url):
    with open_log(url) as log:
        return [one.record for one in log.stored()]


def caller_of(client, record, **headers):
    return client.get(f"/api/decisions/{record}", **headers).json()["asked_by"]


@pytest.mark.parametrize("apart", [False, True])
def test_a_record_has_the_key_s_name_and_not_the_key(served, keys, url, apart):
    file, tokens = keys
    client = served(keys=file, apart=apart, record_seconds=3600.0)
    for name, token in tokens.items():
        for method, path, body in list(ASKED.values())[: 4 if name == "desk" else 5]:
            answer = client.request(method, path, json=body, headers=bearer(token))
            assert caller_of(client, answer.json()["decision_id"], headers=bearer(token)) == name
    secrets = [token.split("_", 2)[2].encode() for token in tokens.values()]
    assert not [one.seq for one in bodies(url) for secret in secrets if secret in one.body]


@pytest.mark.parametrize("question", ASKED)
def test_nobody_is_named_where_no_keys_are_asked_for(client, question):
    method, path, body = ASKED[question]
    if question == "multi_tier":
        return  # of the account alone, which other tests of this module's client have asked before
    assert caller_of(client, client.request(method, path, json=body).json()["decision_id"]) is None


def test_what_the_service_has_recorded_itself_it_asked_for(served, url, keys):
    client = served(keys=keys[0], record_seconds=0.02)
    end = time.monotonic() + 30
    while not (found := bodies(url)) and time.monotonic() < end:
        time.sleep(0.02)
    assert {one.fields["asked_by"] for one in found} == {"serve"}
    assert client.get("/health").status_code == 200


def test_an_answer_that_several_share_is_on_record_once_for_who_asked_first(served, keys, url):
    file, tokens = keys
    client = served(keys=file, refresh_seconds=3600.0, record_seconds=3600.0)
    path = ASKED["multi_tier"][1]
    first, again = (client.get(path, headers=bearer(tokens[name])).json() for name in ("grid-bot", "desk"))
    assert again["decision_id"] == first["decision_id"]
    assert caller_of(client, first["decision_id"], headers=bearer(tokens["desk"])) == "grid-bot"


def test_another_key_s_question_under_an_idempotency_key_gets_the_first_one_s_answer(served, keys):
    file, tokens = keys
    client = served(keys=file)
    asked = [
        client.post(POSITION, json=SPECIFIED, headers={**bearer(token), "Idempotency-Key": "order 4711"})
        for token in tokens.values()
    ]
    assert asked[0].content == asked[1].content
    assert caller_of(client, asked[0].json()["decision_id"], headers=bearer(tokens["desk"])) == "grid-bot"


@pytest.mark.parametrize("name", BY_ITSELF)
def test_no_key_is_called_as_what_asks_by_itself_is_on_record(tmp_path, name, capsys):
    """Else a bot's decisions would pass for the monitor's."""
    file = tmp_path / "keys.yaml"
    assert main(["keys", "new", str(file), "--id", name, "--scope", "read"]) == 2
    assert "on record" in capsys.readouterr().err
    write_keys(file, KeyFile(keys=(new_key(name, ("read",))[1],)))
    with pytest.raises(UnusableKeys, match=name):
        read_keys(file)


def test_a_page_of_the_log_says_who_asked_and_is_asked_by_it(served, keys):
    file, tokens = keys
    client = served(keys=file, record_seconds=3600.0)
    given = {
        name: [client.post(POSITION, json=SPECIFIED, headers=bearer(token)).json()["decision_id"] for _ in range(3)]
        for name, token in tokens.items()
    }
    ask = {"headers": bearer(tokens["desk"])}
    everything = client.get("/api/decisions", **ask).json()["decisions"]
    assert {(one["id"], one["asked_by"]) for one in everything} >= {
        (record, name) for name, ids in given.items() for record in ids
    }
    for name, ids in given.items():
        page = client.get(f"/api/decisions?asked_by={name}&oldest=true&limit=2", **ask).json()
        assert [one["id"] for one in page["decisions"]] == ids[:2]
        rest = client.get(f"/api/decisions?asked_by={name}&oldest=true&after={page['next']}", **ask).json()
        assert [one["id"] for one in rest["decisions"]] == ids[2:]
        both = client.get(f"/api/decisions?asked_by={name}&where=signal.score > 90", **ask).json()
        assert (both["decisions"], both["next"]) == ([], None)
    for nobody in ("none", "nobody"):
        assert client.get(f"/api/decisions?asked_by={nobody}", **ask).json()["decisions"] == []
