"""API keys: who may ask what, and that nothing tells them to anybody else."""

import asyncio
import logging
import stat

import pytest

from rulecap.service.gate import Gate
from rulecap.service.keys import KeyFile, KeyRing, UnusableKeys, add_key, read_keys, revoke_key
from rulecap.service.limits import RateLimit
from rulecap.service.metrics import Metrics
from rulecap.service.settings import BadSettings, read_settings
from tests.service.steps import POSITION, bearer, wait
from tests.service.test_limits import Clock
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED

OPEN = {"/health", "/ready"}


def operations(client, key):
    """Return method, path and scope of every operation that the OpenAPI document has."""
    document = client.get("/openapi.json", headers=bearer(key)).json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            filled = path.format(symbol="BTCUSDT", decision="state", id="1")
            found.append((method.upper(), filled, operation.get("x-scope")))
    return found


def test_a_wrong_missing_revoked_or_narrow_key_is_refused_on_every_route(served, file):
    keys = {scope: add_key(file, scope, (scope,)) for scope in ("read", "recommend", "admin")}
    revoked = add_key(file, "gone", ("read", "recommend", "admin"))
    revoke_key(file, "gone")
    client = served(keys=file)
    routes = operations(client, keys["read"])
    assert len(routes) >= 20
    for method, path, scope in routes:
        if scope is None:
            assert path in OPEN
            assert client.request(method, path).status_code == 200
        else:
            answer = client.request(method, path)
            refused(answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer ")  # as RFC 9110 wants it of each 401
        for wrong in (revoked, keys["read"][:-1], keys["read"] + "x", "", "rulecap_nobody_" + "x" * 43):
            refused(client.request(method, path, headers=bearer(wrong)), 401, "unauthorized")
        for narrow in {"read", "recommend", "admin"} - {scope}:
            if scope is not None:
                refused(client.request(method, path, headers=bearer(keys[narrow])), 403, "forbidden")


def test_a_revoked_key_stays_revoked_whichever_is_revoked_after_it(served, file):
    """Nothing but a new key lets somebody in again whose key was taken from him."""
    tokens = {name: add_key(file, name, ("read",)) for name in ("first", "second", "third")}
    revoke_key(file, "first")
    revoke_key(file, "second")
    add_key(file, "fourth", ("read",))
    client = served(keys=file)
    answers = {name: client.get("/api/policy", headers=bearer(token)).status_code for name, token in tokens.items()}
    assert answers == {"first": 401, "second": 401, "third": 200}


def test_a_key_with_the_scope_is_let_in_by_either_header(served, file):
    token = add_key(file, "desk", ("recommend",))
    client = served(keys=file)
    assert client.post(POSITION, json=SPECIFIED, headers=bearer(token)).status_code == 200
    assert client.post(POSITION, json=SPECIFIED, headers={"X-API-Key": token}).status_code == 200
    assert client.post(POSITION, json=SPECIFIED, headers={"X-API-Key": f"{token} "}).status_code == 200


def test_a_revoked_key_is_refused_without_a_restart_and_a_broken_file_changes_nothing(served, file):
    token = add_key(file, "desk", ("read",))
    client = served(keys=file, reload_seconds=0.02)
    assert client.get("/api/capital/state", headers=bearer(token)).status_code == 200
    good = file.read_text()
    file.write_text("keys: [")
    wait(lambda: client.get("/ready").json()["keys"]["edit"] == "refused")
    assert client.get("/api/capital/state", headers=bearer(token)).status_code == 200
    file.write_text(good)
    revoke_key(file, "desk")
    wait(lambda: client.get("/api/capital/state", headers=bearer(token)).status_code == 401)


def test_a_revocation_that_may_be_read_only_later_is_in_force_then(served, file, monkeypatch):
    """As where root revokes a key, and gives the service the file only then."""

    def as_the_service(path):
        if not stat.S_IMODE(path.stat().st_mode):
            raise UnusableKeys(f"cannot read the keys {path}: Permission denied")
        return read_keys(path)

    monkeypatch.setattr("rulecap.service.keys_in_force.read_keys", as_the_service)
    token = add_key(file, "desk", ("read",))
    client = served(keys=file, reload_seconds=0.02)
    file.chmod(0o000)
    revoke_key(file, "desk")
    wait(lambda: client.get("/ready").json()["keys"]["edit"] == "refused")
    file.chmod(0o600)
    wait(lambda: client.get("/api/capital/state", headers=bearer(token)).status_code == 401)


def test_a_revocation_that_cannot_be_read_for_a_moment_is_in_force_then_without_another_edit(
    served, file, monkeypatch, caplog
):
    """As where a crowd of connections has taken all of the files that the process may open."""
    reads = []

    def failing_at_first(path):
        reads.append(path)
        if len(reads) < 4:
            raise UnusableKeys(f"cannot read the keys {path}: Too many open files")
        return read_keys(path)

    token = add_key(file, "desk", ("read",))
    client = served(keys=file, reload_seconds=0.02)
    assert client.get("/api/capital/state", headers=bearer(token)).status_code == 200
    monkeypatch.setattr("rulecap.service.keys_in_force.read_keys", failing_at_first)
    revoke_key(file, "desk")
    wait(lambda: client.get("/api/capital/state", headers=bearer(token)).status_code == 401)
    assert client.get("/ready").json()["keys"]["edit"] == "none"
    assert len([one for one in caplog.records if getattr(one, "code", None) == "bad-keys"]) == 1


def test_a_file_that_yaml_itself_fails_at_is_told_as_any_other_that_cannot_be_used(served, file):
    """A date that there is none is an error of Python's, not of YAML's."""
    add_key(file, "desk", ("read",))
    client = served(keys=file, reload_seconds=0.02)
    for broken in ("made: 2026-13-45\n", "[" * 10_000):
        file.write_text(broken)
        with pytest.raises(UnusableKeys, match="are no YAML"):
            read_keys(file)
    wait(lambda: client.get("/ready").json()["keys"]["edit"] == "refused")


def test_without_keys_nothing_but_loopback_is_listened_on(file):
    with pytest.raises(BadSettings, match="listens on loopback only, not on 0"):
        read_settings(host="0.0.0.0")
    add_key(file, "desk", ("read",))
    assert read_settings(host="0.0.0.0", keys=file).host == "0.0.0.0"


def test_neither_keys_nor_balances_are_logged_at_any_level(served, file, caplog, told):
    caplog.set_level(1)
    caplog.set_level(1, logger="rulecap")
    told.change(total_wallet_balance=98765.43, available_balance=87654.32)
    token = add_key(file, "desk", ("read", "recommend"))
    client = served(keys=file, log_level="debug")
    for header in (bearer(token), bearer(token[:-1]), {}):
        client.get("/api/capital/state", headers=header)
        client.post(POSITION, json=SPECIFIED, headers=header)
        client.post(POSITION, json={"x": 1}, headers=header)
        client.get(f"/api/nothing/{token}", headers=header)
    said = [record for record in caplog.records if record.name.startswith("rulecap")]
    assert any(record.name == "rulecap.service.requests" for record in said)
    text = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in said)
    for secret in (token, token.removeprefix("rulecap_desk_"), "98765.43", "87654.32"):
        assert secret not in text
    assert logging.getLogger("rulecap.service.requests").isEnabledFor(logging.DEBUG)


HOSTS = {"localhost": 200, "LOCALHOST:8000": 200, "127.0.0.1:8000": 200, "[::1]:8000": 200, "[::1]": 200}
HOSTS |= {"rebound.example.com": 421, "localhost.example.com:8000": 421, "10.0.0.1": 421, "[::2]:80": 421}


@pytest.mark.parametrize("host", HOSTS)
def test_without_keys_only_loopbacks_names_are_answered(served, host):
    answer = served().get("/api/policy", headers={"Host": host})
    assert answer.status_code == HOSTS[host]
    if answer.status_code == 421:
        assert answer.json()["code"] == "wrong-host"


def test_with_keys_any_name_is_answered(served, file):
    token = add_key(file, "desk", ("read",))
    headers = {"Host": "risk.example.com", "Authorization": f"Bearer {token}"}
    assert served(keys=file).get("/api/policy", headers=headers).status_code == 200


def test_wrong_keys_are_answered_less_and_less_and_hold_up_nobody_who_has_one(served, file):
    token = add_key(file, "desk", ("read",))
    client = served(keys=file, requests_per_second=0.001, burst=3)
    wrong = ({}, bearer(token[:-1]), bearer("rulecap_desk_" + "x" * 43), {"X-API-Key": "guess"})
    for headers in wrong[:3]:
        refused(client.get("/api/policy", headers=headers), 401, "unauthorized")
    for headers in wrong:
        answer = client.get("/api/policy", headers=headers)
        refused(answer, 429, "too-many-requests")
        assert 1 <= int(answer.headers["Retry-After"]) <= 1000
    refused(client.get("/health", headers=bearer("guess")), 429, "too-many-requests")
    assert client.get("/health").status_code == 200
    assert [client.get("/api/policy", headers=bearer(token)).status_code for _ in range(3)] == [200] * 3
    refused(client.get("/api/policy", headers=bearer(token)), 429, "too-many-requests")


def test_a_wrong_key_is_in_the_log_once_a_minute_for_an_address_and_without_the_key(served, file, caplog):
    token = add_key(file, "desk", ("read",))
    client = served(keys=file)
    caplog.clear()
    for _ in range(20):
        refused(client.get("/api/policy", headers=bearer(token + "x")), 401, "unauthorized")
    noted = [one for one in caplog.records if getattr(one, "code", "") == "unauthorized"]
    assert [(one.levelname, one.address, one.getMessage()) for one in noted] == [
        ("WARNING", "testclient", "refused: the API key is unknown or revoked")
    ]
    assert token not in caplog.text
    told = client.get("/metrics", headers=bearer(token)).text
    assert 'rulecap_request_seconds_count{method="",route="unmatched",status="401"} 20.0' in told


def test_who_knocks_on_is_in_the_log_again_after_a_minute(caplog):
    """A line for each request would have whoever knocks fill the disk, and a single one be overlooked."""
    clock = Clock()
    gate = Gate(None, {}, lambda: KeyRing(KeyFile()), RateLimit(None, 1), 100, Metrics())
    gate._noted._clock = clock
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("10.0.0.9", 1)}

    async def send(_):
        pass

    logged = []
    for clock.time in (0.0, 1.0, 59.0, 61.0, 62.0):
        caplog.clear()
        asyncio.run(gate(scope, None, send))
        logged.append(len(caplog.records))
    assert logged == [1, 0, 0, 1, 0]


def test_a_stream_ends_when_its_key_is_revoked_or_loses_the_scope(tmp_path, told, file):
    """What is told afterwards is told to the others alone, also of what waited already."""
    import asyncio

    from rulecap.service.gate import Caller
    from rulecap.service.service import Service
    from rulecap.service.settings import read_settings

    async def listen():
        log = f"sqlite:///{tmp_path / 'log.sqlite3'}"
        service = Service(
            read_settings(log=log, keys=file, apart=False, reload_seconds=0.02, record_seconds=3600.0), told
        )
        found = {name: service.keys.ring.find(token) for name, token in tokens.items()}
        callers = {name: Caller(key.id, frozenset(key.scopes), key) for name, key in found.items()}
        ends = {}

        async def hear(name):
            async for _ in service.follower.listen(None, lambda: service.keys.lets(callers[name].key, "read")):
                pass
            ends[name] = True

        async with service.running():
            await service.desk.view.read_once.wait()
            tasks = [asyncio.create_task(hear(name)) for name in callers]
            await asyncio.sleep(0.2)
            revoke_key(file, "gone")
            file.write_text(file.read_text().replace("  - admin\n  - read\n", "  - admin\n"))
            await asyncio.wait_for(asyncio.gather(*tasks[:2]), 10)
            assert "stays" not in ends
        await asyncio.gather(*tasks)

    tokens = {
        "gone": add_key(file, "gone", ("read",)),
        "less": add_key(file, "less", ("admin", "read")),
        "stays": add_key(file, "stays", ("read",)),
    }
    asyncio.run(listen())


def test_who_may_not_read_is_told_codes_alone_of_what_is_wrong(served, told, file, tmp_path):
    from rulecap.service.sources import SourceError
    from tests.service.steps import overlay_of

    overlay = tmp_path / "desk.yaml"
    overlay.write_text(overlay_of("desk", "1.0.0"))
    told.failure = SourceError("venue-error", "the venue said: balance 4711.5 USDT")
    reader, narrow = add_key(file, "reader", ("read",)), add_key(file, "bot", ("recommend",))
    client = served(keys=file, policy=str(overlay), reload_seconds=0.02)
    overlay.write_text(overlay_of("desk", "1.0.1", "nothing.value: 1"))
    wait(lambda: client.get("/ready").json()["policy"]["edit"] == "refused")
    for headers in ({}, bearer(narrow)):
        answer = client.get("/ready", headers=headers)
        assert (answer.status_code, answer.json()["reasons"]) == (503, [{"code": "no-snapshot"}])
        assert [set(one) for one in answer.json()["policy"]["edit_problems"]] == [{"code"}]
        assert "4711" not in answer.text
        assert "nothing" not in answer.text
    whole = client.get("/ready", headers=bearer(reader)).json()
    assert "4711" in whole["reasons"][0]["detail"]
    assert "nothing" in whole["policy"]["edit_problems"][0]["message"]
