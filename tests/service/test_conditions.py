"""`where` of the list of decisions: the policy's own language, errors by their places, a bound on the looking."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from rulecap.audit import log
from rulecap.audit.review.selection import Selection
from rulecap.engine.policy import policy_on_record
from rulecap.service import condition
from rulecap.service.app import create_app
from rulecap.service.condition import Look
from rulecap.service.reading import Question, Reader
from rulecap.service.settings import read_settings
from tests.service.steps import POSITION
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED

SCORES = (75, 90, 60, 82, 75)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Return a client of a service that has recorded five positions' signals, and some states."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.sqlite3'}"
    settings = read_settings(apart=False, log=url, demo=True, refresh_seconds=3600.0, record_seconds=3600.0)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        client.portal.call(client.app.state.service.desk.view.read_once.wait)
        client.get("/api/capital/state")
        client.url = url
        client.made = [
            client.post(POSITION, json={**SPECIFIED, "signal_score": score}).json()["decision_id"] for score in SCORES
        ]
        yield client


def asked(client, where, **more):
    return client.get("/api/decisions", params={"where": where, **more})


def made(client, *numbers):
    return [client.made[number] for number in numbers]


def ids(answer):
    return [one["id"] for one in answer.json()["decisions"]]


@pytest.mark.parametrize(
    ("where", "which"),
    [
        ("signal.score > 75", [3, 1]),
        ("signal.score >= 75 and account.margin_used > 0 USD", [4, 3, 1, 0]),
        ("signal.score < 10", []),
        ("recommendation == ENTER and signal.score == 90", [1]),
        ("count(p.symbol for p in positions if p.margin > 0 USD) > 0 and signal.score == 60", [2]),
    ],
)
def test_the_records_on_which_it_holds_are_told_and_no_other(client, where, which):
    answer = asked(client, where, decision="position")
    assert ids(answer) == made(client, *which)
    assert answer.json()["next"] is None
    assert answer.json()["where"] == {"looked_at": 5, "unknown": 0, "unfit": []}


def test_records_that_it_cannot_be_asked_of_are_counted(client):
    told = asked(client, "recommendation == ENTER and signal.score > 75").json()
    assert len(told["decisions"]) == 2
    assert told["where"]["unfit"]
    assert {one["decision"] for one in told["where"]["unfit"]} >= {"state"}
    assert told["where"]["unfit"][0]["problems"][0].startswith("column 1: nothing is named recommendation")
    lacking = asked(client, "signal.score > 75").json()["where"]
    assert (lacking["unfit"], lacking["unknown"] > 0) == ([], True)


def test_without_it_nothing_is_said_of_it(client):
    assert set(client.get("/api/decisions").json()) == {"decisions", "next"}


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_pages_go_through_all_that_fits_however_little_one_request_looks_at(client, monkeypatch, limit, most):
    monkeypatch.setattr(condition, "MOST_RECORDS", most)
    found, looked, after = [], [], {}
    while after is not None:
        answer = asked(client, "signal.score >= 75", decision="position", limit=limit, **after)
        found += ids(answer)
        looked.append(answer.json()["where"]["looked_at"])
        after = {"after": answer.json()["next"]} if answer.json()["next"] else None
    assert found == made(client, 4, 3, 1, 0)
    assert (sum(looked), max(looked) <= most) == (5, True)


def test_a_policy_on_record_is_loaded_once_for_however_many_requests(client, monkeypatch):
    loads = []
    monkeypatch.setattr(log, "policy_on_record", lambda files: loads.append(files) or policy_on_record(files))
    reader = Reader(client.url)

    async def ask():
        question = Question(Selection(decisions=("position",)), 10, where="signal.score > 75")
        return [await reader.page(question) for _ in range(3)]

    for told in asyncio.run(ask()):
        assert [one["id"] for one in told["decisions"]] == made(client, 3, 1)
    assert len(loads) == 1


def test_the_oldest_come_first_where_that_is_asked_for(client):
    assert ids(asked(client, "signal.score >= 75", decision="position", oldest=True)) == made(client, 0, 1, 3, 4)


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        ("signal.score >", "not-an-expression", "column 14: something is missing"),
        ("signal.scor > 75", "unknown-name", "column 1: signal has no field scor"),
        ("margin_used_pct > 5", "wrong-unit", "column 19:"),
        ("nothing_like_it > 5%", "unknown-name", "column 1: nothing is named nothing_like_it"),
        ("signal.score", "wrong-type", "column 1:"),
        ("__import__('os').system('true')", "not-allowed-here", "column 1:"),
        ("sum(sum(1 for q in positions) for p in positions) > 3", "not-allowed-here", "column 8: one `for` inside"),
        ("x" * 501, "string-too-long", "500"),
        ("", "string-too-short", "1 character"),
    ],
)
def test_an_expression_that_cannot_be_asked_is_refused_by_its_place(client, where, code, said):
    document = refused(asked(client, where, decision="position"), 422, code)
    assert document["pointer"] == "/where"
    assert said in document["detail"]


def test_what_is_wrong_is_said_also_where_no_record_is_selected(client):
    refused(asked(client, "1 +", decision="nothing"), 422, "not-an-expression")
    assert asked(client, "signal.score > 1", decision="nothing").json()["decisions"] == []


def test_one_condition_or_caller_is_looked_for_at_a_time(client, monkeypatch):
    reader = client.app.state.service.log
    running, most = 0, 0

    async def read(ask):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {}

    monkeypatch.setattr(reader, "_read", read)

    async def several(where, *callers):
        await asyncio.gather(*(reader.page(Question(Selection(callers=callers), 50, where=where)) for _ in range(5)))
        return most

    assert client.portal.call(several, "true") == 1
    assert client.portal.call(several, None, "grid-bot") == 1
    assert client.portal.call(several, None) == 5


def test_no_more_is_looked_at_for_a_caller_than_for_a_condition(client, monkeypatch):
    for _ in range(3):
        client.post(POSITION, json=SPECIFIED)
    monkeypatch.setattr(condition, "MOST_RECORDS", 2)
    page = client.get("/api/decisions?asked_by=nobody").json()
    assert (page["decisions"], page["where"]) == ([], {"looked_at": 2, "unknown": 0, "unfit": []})
    assert page["next"] is not None


# The bound.


def record(size=1, kind=1):
    return SimpleNamespace(kind=kind, record=SimpleNamespace(body=b"x" * size))


def looking(clock=lambda: 0.0, policies=20):
    return Look({number: SimpleNamespace(digest=f"{number:064d}") for number in range(policies)}, clock)


@given(st.lists(st.tuples(st.integers(1, 12 * 1024 * 1024), st.integers(0, 19)), min_size=1, max_size=40))
def test_no_more_is_looked_at_than_may_be_but_for_a_first_record(shapes):
    look, held = looking(), []
    for size, kind in shapes:
        if look.enough(SimpleNamespace(kind=kind, record=SimpleNamespace(body=range(size)))):
            break
        held.append((size, kind))
    assert held[:1] == shapes[:1]
    assert len(held) == 1 or sum(size for size, _ in held) <= condition.MOST_BYTES
    assert len({kind for _, kind in held}) <= condition.MOST_POLICIES
    assert look.records == len(held)


def test_the_time_is_a_bound_as_well():
    moments = iter([0.0, 0.5, 1.5])
    look = looking(lambda: next(moments))
    assert [look.enough(record()) for _ in range(3)] == [False, False, True]
