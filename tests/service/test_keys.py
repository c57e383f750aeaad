"""API keys: who may ask what, and that nothing tells them to anybody else."""

import asyncio
import errno
import logging
import os
import stat
import threading

import pytest

from rulecap.cli import main
from rulecap.service import keys
from rulecap.service.gate import Gate
from rulecap.service.keys import KeyFile, KeyRing, UnusableKeys, add_key, new_key, read_keys, revoke_key, write_keys
from rulecap.service.limits import RateLimit
from rulecap.service.metrics import Metrics
from rulecap.service.settings import BadSettings, read_settings
from tests.service.test_limits import Clock
from tests.service.test_refusals import refused
from tests.service.told import SPECIFIED

POSITION = "/api/capital/recommendation/position"
OPEN = {"/health", "/ready"}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.yaml"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


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


def test_another_key_of_the_same_name_lets_in_nobody_who_was_let_in_by_the_one_before():
    """Who listens was let in by a key, not by its name: a file may be written by hand, a lost key be given anew."""
    (_, lost), (_, new) = (new_key("desk", ("read",)) for _ in range(2))
    ring = KeyRing(KeyFile(keys=(new,)))
    assert ring.lets(new, "read")
    assert not ring.lets(lost, "read")
    assert not ring.lets(new, "admin")
    assert not KeyRing(KeyFile(keys=(new.model_copy(update={"revoked": True}),))).lets(new, "read")
    assert not KeyRing(KeyFile()).lets(new, "read")


def test_keys_that_cannot_be_written_are_said_to_be_and_leave_nothing_behind(file):
    """Else a key would be taken for revoked that still lets somebody in."""
    file.mkdir()
    with pytest.raises(UnusableKeys, match="cannot write the keys"):
        write_keys(file, KeyFile())
    assert list(file.parent.iterdir()) == [file]


def test_a_revocation_is_on_the_disk_with_its_file_s_name_before_it_counts_as_made(file, monkeypatch):
    """Else the key would let somebody in again after a loss of power."""
    add_key(file, "leaked", ("admin",))
    synced = []

    def seen(handle):
        found = os.fstat(handle)
        synced.append((found.st_ino, found.st_size, read_keys(file).keys[0].revoked))

    monkeypatch.setattr("os.fsync", seen)
    revoke_key(file, "leaked")
    written, folder = file.stat(), file.parent.stat()
    assert synced == [(written.st_ino, written.st_size, False), (folder.st_ino, folder.st_size, True)]


def test_keys_that_do_not_get_to_the_disk_are_those_of_before_and_leave_nothing_behind(file, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    add_key(file, "leaked", ("admin",))
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnusableKeys, match=r"cannot write the keys .*: No space left on device"):
        revoke_key(file, "leaked")
    assert (list(file.parent.iterdir()), file.read_bytes()) == ([file], before)


def test_a_key_with_the_scope_is_let_in_by_either_header(served, file):
    token = add_key(file, "desk", ("recommend",))
    client = served(keys=file)
    assert client.post(POSITION, json=SPECIFIED, headers=bearer(token)).status_code == 200
    assert client.post(POSITION, json=SPECIFIED, headers={"X-API-Key": token}).status_code == 200


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

    monkeypatch.setattr("rulecap.service.service.read_keys", as_the_service)
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
    monkeypatch.setattr("rulecap.service.service.read_keys", failing_at_first)
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


def wait(holds, seconds=10):
    """Wait until something holds, for so many seconds at the most."""
    import time

    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def test_the_file_has_hashes_alone_and_only_its_owner_reads_it(file):
    token = add_key(file, "desk", ("read",))
    assert token.removeprefix("rulecap_desk_") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_written_again_stays_readable_to_whom_it_was(file):
    """Who revokes a key as root must not lock the service out of the file: the key would stay in force."""
    add_key(file, "other", ("read",))
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
    before = file.stat()
    revoke_key(file, "other")
    after = file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@pytest.mark.skipif(os.name != "posix", reason="no lock that ends with its process")
def test_a_key_that_is_made_meanwhile_does_not_bring_a_revoked_one_back(file, monkeypatch):
    add_key(file, "leaked", ("read",))
    read, meanwhile = threading.Event(), threading.Event()
    written = keys.write_keys

    def slowly(path, content):
        read.set()
        # Whoever revokes now has to wait for the end of this: there is nothing that tells that he does.
        meanwhile.wait(0.3)
        written(path, content)

    monkeypatch.setattr(keys, "write_keys", slowly)
    making = threading.Thread(target=add_key, args=(file, "other", ("read",)))
    making.start()
    assert read.wait(20)
    monkeypatch.setattr(keys, "write_keys", written)
    revoke_key(file, "leaked")
    meanwhile.set()
    making.join(20)
    assert {one.id: one.revoked for one in read_keys(file).keys} == {"leaked": True, "other": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("keys: [", "are no YAML"),
        ("keys: [{id: a}]", "sha256: missing-field"),
        ("keys: [{id: a, sha256: x, scopes: [read]}]", "keys[0].sha256"),
        ("keys: [{id: A, sha256: '%s', scopes: [read]}]" % ("0" * 64), "keys[0].id"),
        ("keys: [{id: a, sha256: '%s', scopes: [all]}]" % ("0" * 64), "keys[0].scopes[0]"),
        (
            f"keys: [{{id: a, sha256: '{'0' * 64}', scopes: []}}, {{id: a, sha256: '{'0' * 64}', scopes: []}}]",
            "a twice",
        ),
        ("[]", "is no file of keys"),
    ],
)
def test_a_file_that_is_none_of_keys_is_refused(file, text, told):
    file.write_text(text)
    with pytest.raises(UnusableKeys) as error:
        read_keys(file)
    assert told in str(error.value)
    assert "0000" not in str(error.value)


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


def test_keys_are_made_listed_and_revoked_on_the_command_line(file, capsys):
    assert main(["keys", "new", str(file), "--id", "desk", "--scope", "read", "--scope", "recommend"]) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("rulecap_desk_")
    assert main(["keys", "new", str(file), "--id", "desk", "--scope", "read"]) == 2
    assert "have desk already" in capsys.readouterr().err
    assert main(["keys", "revoke", str(file), "desk"]) == 0
    assert main(["keys", "revoke", str(file), "other"]) == 2
    capsys.readouterr()
    assert main(["keys", "list", str(file), "--json"]) == 0
    assert '"revoked": true' in capsys.readouterr().out


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
        found = {name: service.ring.find(token) for name, token in tokens.items()}
        callers = {name: Caller(key.id, frozenset(key.scopes), key) for name, key in found.items()}
        ends = {}

        async def hear(name):
            async for _ in service.follower.listen(None, lambda: service.lets(callers[name], "read")):
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
    from tests.service.test_faults import overlay_of

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


def test_the_command_that_is_named_where_keys_are_missing_makes_one(tmp_path):
    import re
    import subprocess
    import sys

    from rulecap.service.settings import BadSettings, read_settings

    with pytest.raises(BadSettings) as raised:
        read_settings(host="0.0.0.0", demo=True)
    command = (
        re.search("`rulecap (.*?)`", str(raised.value))[1].replace("FILE", "keys.yaml").replace("NAME", "desk").split()
    )
    subprocess.run([sys.executable, "-m", "rulecap", *command], cwd=tmp_path, check=True, capture_output=True)
    assert len(read_keys(tmp_path / "keys.yaml").keys) == 1
