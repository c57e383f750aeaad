"""The log on a PostgreSQL server: what the server, its administrator and the network do to it."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from rulecap.audit import LogError, open_ledger, open_log, postgres
from rulecap.audit.ledger import Asked
from rulecap.audit.log import begin_at_head
from rulecap.audit.note import generate
from rulecap.audit.opening import begin
from rulecap.audit.postgres import MOST_VALUES, PostgresDatabase
from rulecap.audit.tables import RECORDS, Into
from rulecap.audit.verify import verify
from rulecap.cli import main
from tests.audit.counting import snapshot
from tests.audit.server import GUARDED, PASSWORD
from tests.docs.document import ROOT, Document


@pytest.fixture
def url(postgres_url):
    return postgres_url


@pytest.fixture
def admin(server, database):
    with closing(server.admin(database)) as connection:
        yield connection


@pytest.fixture
def role(server):
    """A role that may do nothing yet, with a password."""
    with closing(server.admin()) as superuser:
        superuser.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
        yield GUARDED
        superuser.execute(f"DROP ROLE {GUARDED}")


@pytest.fixture
def guarded_url(server, database, role, admin):
    """The database's address for that role, with its password."""
    yield server.url(database, f"{role}:{PASSWORD}")
    admin.execute(f"DROP OWNED BY {role} CASCADE")


def codes(decision):
    return [problem.code for problem in decision.problems]


def end_sessions(admin):
    """End the writers' sessions, and wait until the server has."""
    admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'rulecap'")


def fine(url, size):
    with open_log(url) as log:
        report = verify(log)
    return report.fine and report.size == size


def test_a_commit_waits_for_the_disk_whatever_the_server_s_default_is(url, admin):
    assert admin.execute("SHOW synchronous_commit").fetchone() == ("off",)
    assert admin.execute("SHOW fsync").fetchone() == ("on",)
    with closing(PostgresDatabase(url, write=True, patience=2.0)) as database:
        assert database.run("SHOW synchronous_commit") == [("on",)]
        database.begin()
        assert database.run("SHOW synchronous_commit") == [("on",)]


def test_long_records_are_compressed_by_the_quicker_way_where_the_server_has_it(policy, url, admin):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, "no snapshot, and long: " + "again and again " * 1000)
    known = admin.execute("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'").fetchone()
    expected = "lz4" if known is not None and "lz4" in known[0] else "pglz"
    assert admin.execute("SELECT pg_column_compression(body) FROM rulecap.records").fetchall() == [(expected,)]
    assert fine(url, 1)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "UTF8"])
def test_texts_are_utf_8_whatever_database_role_and_environment_say(policy, server, monkeypatch, encoding):
    name, account = f"log_in_{encoding.lower()}", "ü€😀"
    with closing(server.admin()) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING {encoding} TEMPLATE template0 LOCALE 'C'")
        admin.execute(f"ALTER DATABASE {name} SET client_encoding = LATIN1")
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    with open_ledger(server.url(name)) as ledger:
        for number in (1, 2):
            decision = ledger.evaluate(policy, snapshot(number, account=account), idempotency_key=f"{account}{number}")
            assert (codes(decision), decision.outputs["number"]) == ([], number)
    assert fine(server.url(name), 2)


def test_no_log_is_begun_where_accounts_could_not_be_written_down(server):
    with closing(server.admin()) as admin:
        admin.execute("CREATE DATABASE log_in_latin ENCODING LATIN1 TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(LogError) as raised:
        open_ledger(server.url("log_in_latin"))
    assert "LATIN1" in raised.value.reason
    assert "ENCODING 'UTF8'" in raised.value.reason
    with pytest.raises(LogError) as raised:
        open_log(server.url("log_in_latin"))
    assert raised.value.code == "no-log"


class TestASession:
    """What is set for a session is set by statements, because a pooler refuses or drops what comes with the start."""

    def test_keeps_what_the_address_sets(self, url):
        with closing(PostgresDatabase(f"{url}?options=-c%20work_mem%3D7MB", write=True, patience=2.0)) as database:
            assert database.run("SHOW work_mem") == [("7MB",)]
            assert database.run("SHOW search_path") == [("rulecap",)]

    def test_starts_without_options_of_its_own(self, url):
        with closing(PostgresDatabase(url, write=True, patience=2.0)) as database:
            assert "options" not in database._connection.info.get_parameters()

    def test_keeps_a_stricter_commit(self, url, admin, database):
        admin.execute(f"ALTER DATABASE {database} SET synchronous_commit = remote_apply")
        try:
            with closing(PostgresDatabase(url, write=True, patience=2.0)) as strict:
                assert strict.run("SHOW synchronous_commit") == [("remote_apply",)]
        finally:
            admin.execute(f"ALTER DATABASE {database} RESET synchronous_commit")

    def test_is_set_in_a_transaction_that_a_standby_has_too(self, url, admin, database, monkeypatch):
        monkeypatch.setattr(postgres, "SESSION", "current_setting('transaction_isolation')")
        admin.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = serializable")
        try:
            with closing(PostgresDatabase(url, write=False, patience=2.0)) as strict:
                assert strict._session == ("read committed",)
        finally:
            admin.execute(f"ALTER DATABASE {database} RESET default_transaction_isolation")

    @pytest.mark.parametrize("alone", [True, False])
    def test_that_a_pooler_has_put_in_place_of_another_is_written_nothing_by(self, policy, url, alone):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            ledger._writer._alone = alone
            others = psycopg.connect(url, autocommit=True, options="-c search_path=rulecap")
            ledger._database._connection, own = others, ledger._database._connection
            decision = ledger.evaluate(policy, snapshot(2))
            own.close()
            assert (decision.record_id, codes(decision)) == (None, ["unlogged"])
            assert "pool_mode = session" in decision.problems[0].message
            assert ledger.evaluate(policy, snapshot(3)).record_id is not None

    @pytest.mark.parametrize("path", ["rulecap", "public"])
    def test_that_a_pooler_has_put_in_place_of_another_is_read_nothing_by(self, policy, url, path):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        with open_log(url) as log:
            others = psycopg.connect(url, autocommit=True, options=f"-c search_path={path}")
            log.database._connection, own = others, log.database._connection
            own.close()
            for ask in (*([log.head] if path == "public" else []), lambda: verify(log)):
                with pytest.raises(LogError) as raised:
                    ask()
                assert (raised.value.code, "pool_mode = session" in raised.value.reason) == ("log-unreachable", True)

    @pytest.mark.parametrize("state", ["25P04", "26000", "42P05", "72000"])
    def test_whose_end_says_nothing_of_the_log_is_no_damage(self, policy, url, monkeypatch, state):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        ended = f"DO $$ BEGIN RAISE EXCEPTION 'ended' USING ERRCODE = '{state}'; END $$"
        with open_log(url) as log:
            monkeypatch.setattr(log, "kinds", lambda: log.database.run(ended))
            with pytest.raises(LogError) as raised:
                verify(log)
            assert (raised.value.code, "ended" in raised.value.reason) == ("log-unreachable", True)

    def test_whose_commits_somebody_else_made_quick_is_answered_nothing_by(self, policy, url):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            ledger._database._connection.execute("SET synchronous_commit = off")
            decision = ledger.evaluate(policy, snapshot(2))
            assert (decision.record_id, codes(decision)) == (None, ["unlogged"])


class TestARole:
    def test_needs_no_more_than_to_create_in_the_database(self, policy, guarded_url, admin, database, role):
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO {role}")
        with open_ledger(guarded_url) as ledger:
            assert ledger.evaluate(policy, snapshot(1)).record_id is not None
        assert fine(guarded_url, 1)

    def test_needs_not_even_that_in_a_schema_that_it_was_given(self, policy, guarded_url, admin, role):
        admin.execute(f"CREATE SCHEMA rulecap AUTHORIZATION {role}")
        with open_ledger(guarded_url) as ledger:
            assert ledger.evaluate(policy, snapshot(1)).record_id is not None
        assert fine(guarded_url, 1)

    def test_that_may_write_but_not_create_goes_on_with_a_log(self, policy, url, guarded_url, admin, role):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        admin.execute(f"GRANT USAGE ON SCHEMA rulecap TO {role}")
        admin.execute(f"GRANT INSERT, SELECT, UPDATE ON ALL TABLES IN SCHEMA rulecap TO {role}")
        with open_ledger(guarded_url) as ledger:
            assert ledger.evaluate(policy, snapshot(2), idempotency_key="k").outputs["number"] == 2
        assert fine(guarded_url, 2)

    def test_that_may_only_read_verifies_and_cannot_write(self, policy, url, guarded_url, admin, role):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        admin.execute(f"GRANT USAGE ON SCHEMA rulecap TO {role}")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA rulecap TO {role}")
        assert fine(guarded_url, 1)
        with open_ledger(guarded_url) as ledger:
            decision = ledger.evaluate(policy, snapshot(2))
        assert codes(decision) == ["unlogged"]
        assert "[log-read-only]" in decision.problems[0].message
        assert fine(url, 1)

    def test_that_has_what_operations_grants_writes_or_reads_and_changes_nothing(
        self, policy, server, database, admin, monkeypatch, tmp_path
    ):
        roles = ("risk_owner", "risk_writer", "risk_reader")
        owner, writer, reader = (server.url(database, name) for name in roles)
        for name in roles:
            admin.execute(f"CREATE ROLE {name} LOGIN")
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO risk_owner")
        monkeypatch.setenv("RULECAP_SIGNING_KEY", generate("desk").to_text())
        open_ledger(owner).close()
        with closing(psycopg.connect(owner, autocommit=True)) as owning:
            owning.execute(Document(ROOT / "docs" / "operations.md").file("grants.sql"))
        with open_ledger(writer) as one, open_ledger(writer, create=False) as other:
            for minute in range(3):
                found = {
                    who.evaluate(policy, snapshot(minute), idempotency_key=f"{minute}").record_id
                    for who in (one, other)
                }
                assert len(found) == 1
                assert None not in found
        for words in ("verify", "replay", "query", "stats", "checkpoint", "show 1 --proof", "explain 1", "export"):
            assert main(["audit", *words.split(), "--log", reader]) == 0
        refused = (
            "DELETE FROM {0}",
            "UPDATE {0} SET time = 0",
            "TRUNCATE {0}",
            "DROP TABLE {0}",
            "ALTER TABLE {0} ADD x INT",
        )
        for url, change in [(url, change) for url in (writer, reader) for change in refused]:
            with closing(psycopg.connect(url)) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(change.format("rulecap.records"))
        for who, told in ((writer, False), (reader, False), (owner, True)):
            begun = begin(f"sqlite:///{tmp_path / 'next.sqlite3'}", who)
            assert (begun.unmarked is None) is told
            (tmp_path / "next.sqlite3").unlink()
        admin.execute("DROP SCHEMA rulecap CASCADE")
        for name in roles:
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}")

    def test_that_may_nothing_is_told_so(self, guarded_url):
        with pytest.raises(LogError) as raised:
            open_ledger(guarded_url)
        assert raised.value.code == "log-read-only"
        with pytest.raises(LogError) as raised:
            open_log(guarded_url)
        assert raised.value.code == "no-log"


class TestAPassword:
    @pytest.mark.parametrize("wrong", ["an0ther-w0rd", "has/slash", "has@sign", "has:colon", "100%"])
    def test_that_is_wrong_is_not_shown(self, server, database, role, wrong):
        with pytest.raises(LogError) as raised:
            open_ledger(server.url(database, f"{role}:{wrong}"))
        assert raised.value.code in {"log-unreachable", "bad-log-address"}
        for part in (wrong, *wrong.replace("/", "@").replace(":", "@").split("@")):
            assert part not in str(raised.value).replace("has no", "").replace(role, "")

    def test_is_not_shown_in_what_a_decision_says(self, policy, server, guarded_url, admin, database, role):
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO {role}")
        with open_ledger(guarded_url) as ledger:
            admin.execute("DROP SCHEMA rulecap CASCADE")
            decision = ledger.evaluate(policy, snapshot(1))
            assert codes(decision) == ["unlogged"]
            assert PASSWORD not in str(decision.problems)
            assert PASSWORD not in str(ledger.failure)

    def test_is_not_shown_where_a_log_follows_another(self, guarded_url, admin, database, tmp_path, capsys):
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO {GUARDED}")
        open_ledger(guarded_url, generate("desk")).close()
        assert main(["audit", "begin", "--after", guarded_url, "--log", f"sqlite:///{tmp_path / 'next.sqlite3'}"]) == 0
        said = capsys.readouterr()
        assert f"follows postgresql://{GUARDED}@" in said.out
        assert f"postgresql://{GUARDED}@" in said.err
        assert PASSWORD not in said.out + said.err

    @pytest.mark.parametrize(
        "address",
        ["host=db user=desk password={} dbname=risk", "POSTGRESQL://desk:a@{}@db/risk", "postgres:/desk:{}@db/risk"],
    )
    def test_in_an_address_of_another_form_is_not_shown(self, address, capsys):
        with pytest.raises(LogError) as raised:
            open_ledger(address.format("an0ther"))
        assert raised.value.code == "bad-log-address"
        assert "an0ther" not in str(raised.value)
        assert main(["audit", "verify", "--log", address.format("an0ther")]) == 2
        assert "an0ther" not in capsys.readouterr().err

    def test_in_the_address_s_parameters_is_not_shown(self, server, database, role):
        with pytest.raises(LogError) as raised:
            open_ledger(f"{server.url(database, role)}?password=an0ther-w0rd")
        assert raised.value.code == "log-unreachable"
        assert "an0ther" not in str(raised.value)


@pytest.mark.parametrize("name", ["%ff", "a%00b"])
def test_an_address_of_bytes_that_are_no_text_is_none(name):
    with pytest.raises(LogError) as raised:
        open_ledger(f"postgresql://db.internal/{name}")
    assert raised.value.code == "bad-log-address"


class TestADatabaseThatIsNoLog:
    def test_is_not_read(self, url):
        with pytest.raises(LogError) as raised:
            open_log(url)
        assert raised.value.code == "no-log"

    def test_is_not_begun_where_that_is_not_wanted(self, url, admin):
        with pytest.raises(LogError) as raised:
            open_ledger(url, create=False)
        assert raised.value.code == "no-log"
        assert admin.execute("SELECT to_regnamespace('rulecap')").fetchone() == (None,)

    def test_may_have_tables_of_other_names_and_schemas_beside(self, policy, url, admin):
        admin.execute("CREATE TABLE public.log (id INTEGER)")
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
        assert fine(url, 1)
        assert admin.execute("SELECT COUNT(*) FROM public.log").fetchone() == (0,)
        admin.execute("DROP TABLE public.log")

    @pytest.mark.parametrize("name", ["log", "trades"])
    def test_is_left_alone_where_its_schema_holds_something_else(self, url, admin, name):
        admin.execute("CREATE SCHEMA rulecap")
        admin.execute(f"CREATE TABLE rulecap.{name} (id INTEGER)")
        with pytest.raises(LogError) as raised:
            open_ledger(url)
        assert raised.value.code == "not-a-log"
        assert name == "log" or raised.value.reason.endswith("holds other tables in its schema rulecap: trades")
        tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'rulecap'").fetchall()
        assert tables == [(name,)]


def test_a_table_that_a_crash_empties_is_found_and_not_written(policy, url, admin):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        admin.execute("ALTER TABLE rulecap.records SET UNLOGGED")
        with open_log(url) as log:
            assert [(found.code, found.message) for found in verify(log).findings] == [
                ("tables-differ", "the table records is unlogged: a crash of the server empties it")
            ]
    with pytest.raises(LogError) as raised:
        open_ledger(url)
    assert (raised.value.code, "records is unlogged" in raised.value.reason) == ("log-failed", True)
    admin.execute("ALTER TABLE rulecap.records SET LOGGED")
    with open_ledger(url) as ledger:
        assert ledger.evaluate(policy, snapshot(2)).record_id is not None
    assert fine(url, 2)


@pytest.mark.parametrize(
    "change", ["DROP INDEX rulecap.records_by_kind", "ALTER TABLE rulecap.requests DROP CONSTRAINT {}"]
)
def test_an_index_that_a_restore_left_out_is_found(policy, url, admin, change):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1), idempotency_key="k")
    assert fine(url, 1)
    admin.execute(change.format("requests_pkey"))
    name = "requests_pkey" if "{}" in change else "records_by_kind"
    with open_log(url) as log:
        found = [(one.code, one.message) for one in verify(log).findings]
    assert found == [("tables-differ", f"the index {name} is not there, or not valid")]


def test_a_standby_is_named_because_a_checkpoint_may_be_ahead_of_it(policy, url, monkeypatch, capsys):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
    assert main(["audit", "verify", "--log", url]) == 0
    assert "standby" not in capsys.readouterr().out
    monkeypatch.setattr(postgres, "STANDBY", "SELECT NOT pg_is_in_recovery()")
    assert main(["audit", "verify", "--log", url]) == 0
    assert "the server is a standby" in capsys.readouterr().out


def test_names_are_compared_by_their_bytes_whatever_order_the_database_has_for_texts(url, admin):
    open_ledger(url).close()
    compared = admin.execute(
        "SELECT DISTINCT collname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " JOIN pg_collation ON pg_collation.oid = attcollation"
        " WHERE relnamespace = to_regnamespace('rulecap') AND relkind IN ('r', 'i') AND attnum > 0"
    )
    assert compared.fetchall() == [("C",)]


class TestAConnection:
    def test_that_the_server_ended_between_two_decisions_is_made_anew_unnoticed(self, policy, url, admin):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            end_sessions(admin)
            decision = ledger.evaluate(policy, snapshot(2))
        assert codes(decision) == []
        assert decision.outputs["number"] == 2
        assert fine(url, 2)

    @pytest.mark.parametrize("how", [{"idempotency_key": "k"}, {"account": "new"}])
    def test_is_made_anew_unnoticed_too_where_something_is_read_first(self, policy, url, admin, how):
        key, account = how.get("idempotency_key"), how.get("account", "a")
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            end_sessions(admin)
            decision = ledger.evaluate(policy, snapshot(2, account=account), idempotency_key=key)
        assert (codes(decision), decision.record_id[-2:]) == ([], "-2")
        assert fine(url, 2)

    def test_that_ends_with_nobody_knowing_what_was_written_leaves_a_record_more_and_no_memory(
        self, policy, url, monkeypatch
    ):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            usual = PostgresDatabase.append

            def unanswered(self, *given):
                assert usual(self, *given)
                monkeypatch.undo()
                self._connection.close()
                return usual(self, *given)

            monkeypatch.setattr(PostgresDatabase, "append", unanswered)
            decision = ledger.evaluate(policy, snapshot(2))
            assert (codes(decision), decision.outputs["number"], decision.record_id[-2:]) == ([], 2, "-3")
            assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 3
        assert fine(url, 4)

    @pytest.mark.parametrize("moment", ["swap", "_flush", "commit"])
    def test_that_the_server_ends_in_mid_transaction_leaves_nothing_half(self, policy, url, admin, monkeypatch, moment):
        with open_ledger(url) as ledger:
            ledger.evaluate(policy, snapshot(1))
            before, ledger._writer._alone = ledger.head, False
            usual, begin, armed = getattr(PostgresDatabase, moment), PostgresDatabase.begin_reading, []

            def begun(self, *given):
                told = begin(self, *given)
                armed.append(True)
                return told

            def ended_before(self, *given):
                if armed == [True]:
                    armed.append(False)
                    end_sessions(admin)
                return usual(self, *given)

            monkeypatch.setattr(PostgresDatabase, "begin_reading", begun)
            monkeypatch.setattr(PostgresDatabase, moment, ended_before)
            decision = ledger.evaluate(policy, snapshot(2))
            assert (decision.record_id, codes(decision)) == (None, ["unlogged"])
            assert "[log-unreachable]" in decision.problems[0].message
            assert decision.outputs == {"number": None, "verdict": "NO"}
            assert ledger.head == before
            assert ledger.evaluate(policy, snapshot(3)).outputs["number"] == 2
        assert fine(url, 2)

    def test_that_idles_in_a_transaction_is_ended_by_the_server_so_that_others_get_their_turn(
        self, policy, url, monkeypatch
    ):
        monkeypatch.setattr(postgres, "LONGEST_IDLE", 1)
        with (
            closing(PostgresDatabase(url, write=True, patience=2)) as frozen,
            open_ledger(url, patience=30) as ledger,
        ):
            begin_at_head(frozen)
            assert ledger.evaluate(policy, snapshot(1)).record_id is not None
            with pytest.raises(LogError) as raised:
                frozen.run("SELECT 1")
            assert raised.value.code == "log-unreachable"


def test_a_server_that_is_restarted_is_found_again(policy, url, server):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
        server.stop()
        refused = ledger.evaluate(policy, snapshot(2))
        reduction = ledger.evaluate(policy, snapshot(2), "margin")
        assert codes(refused) == codes(reduction) == ["unlogged"]
        assert ledger.failure.code == "log-unreachable"
        assert (refused.ok, reduction.outputs["number"]) == (False, 2)
        server.start()
        decision = ledger.evaluate(policy, snapshot(3))
        assert (codes(decision), decision.outputs["number"]) == ([], 2)
        assert ledger.failure is None
    assert fine(url, 2)


def test_a_server_that_crashes_keeps_what_was_answered(policy, url, server):
    names = []
    with open_ledger(url) as ledger:
        for round_ in range(3):
            names += [ledger.evaluate(policy, snapshot(20 * round_ + minute)).record_id for minute in range(20)]
            server.stop(signal.SIGQUIT)
            server.start()
    assert fine(url, 60)
    with open_log(url) as log:
        assert [log.find(name).fields["outputs"]["number"] for name in names] == list(range(1, 61))


def test_a_lock_that_somebody_holds_is_waited_for_no_longer_than_patience(policy, url):
    open_ledger(url, patience=30).close()
    with open_ledger(url, patience=0.5) as ledger, closing(PostgresDatabase(url, write=True, patience=30)) as other:
        begin_at_head(other)
        decision = ledger.evaluate(policy, snapshot(1))
        assert codes(decision) == ["unlogged"]
        assert ledger.failure.code == "log-locked"
        other.rollback()
    goes_on(policy, url)


def goes_on(policy, url):
    with open_ledger(url, patience=30) as ledger:
        assert ledger.evaluate(policy, snapshot(1)).outputs["number"] == 1


def test_a_lock_that_is_let_go_in_time_is_only_waited_for(policy, url):
    with open_ledger(url, patience=30) as ledger, closing(PostgresDatabase(url, write=True, patience=5)) as other:
        begin_at_head(other)
        timer = threading.Timer(0.1, other.rollback)
        timer.start()
        assert ledger.evaluate(policy, snapshot(1)).record_id is not None
        timer.join()


def test_a_table_that_is_locked_by_hand_is_waited_for_no_longer_than_patience(policy, url, admin):
    open_ledger(url, patience=30).close()
    with open_ledger(url, patience=0.5) as ledger, admin.transaction():
        admin.execute("LOCK TABLE rulecap.records IN ACCESS EXCLUSIVE MODE")
        assert codes(ledger.evaluate(policy, snapshot(1))) == ["unlogged"]
        assert ledger.failure.code == "log-locked"
    goes_on(policy, url)


def test_who_makes_an_index_anew_and_who_writes_do_not_wait_for_each_other(policy, url, database, server):
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(1))
    with (
        closing(PostgresDatabase(url, write=True, patience=30)) as writing,
        closing(server.admin(database)) as indexing,
        closing(server.admin(database)) as looking,
        ThreadPoolExecutor(1) as thread,
    ):
        begin_at_head(writing)
        assert writing.run("SELECT seq FROM records WHERE seq = 1") == [(1,)]
        indexed = thread.submit(indexing.execute, "REINDEX TABLE rulecap.records")
        end = time.monotonic() + 20
        while not looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
            assert time.monotonic() < end
        writing.insert({RECORDS: [(2, 0, 0, b"")]})
        writing.run("SELECT 1")
        writing.rollback()
        indexed.result()
    assert fine(url, 1)


def test_a_failure_among_several_statements_is_told_once(url, caplog):
    open_ledger(url).close()
    with closing(PostgresDatabase(url, write=True, patience=2.0)) as database:
        begin_at_head(database)
        database.insert({Into("nowhere", "(?)"): [(1,)], RECORDS: [(1, 0, 0, b"")] * MOST_VALUES})
        with pytest.raises(LogError) as raised:
            database.commit()
    assert (raised.value.code, '"nowhere"' in raised.value.reason) == ("log-failed", True)
    assert not caplog.records


def test_a_commit_that_the_server_makes_a_rollback_of_is_no_commit(url):
    """After a statement that failed it undoes everything that was written, and says so in a word, not as an error."""
    open_ledger(url).close()
    with closing(PostgresDatabase(url, write=True, patience=2.0)) as database:
        begin_at_head(database)
        with pytest.raises(LogError, match="nowhere"):
            database.run("SELECT * FROM nowhere")
        with pytest.raises(LogError, match="did not commit") as raised:
            database.commit()
    assert raised.value.code == "log-failed"


def test_what_is_looked_at_stays_as_it_was_whatever_is_written_meanwhile(policy, url):
    count = "SELECT COUNT(*), (SELECT size FROM log) FROM records"
    with open_ledger(url) as ledger, closing(PostgresDatabase(url, write=False, patience=2.0)) as database:
        ledger.evaluate(policy, snapshot(0))
        database.look()
        assert database.run(count) == [(1, 1)]
        ledger.evaluate(policy, snapshot(1))
        assert database.run(count) == [(1, 1)]
        database.rollback()
        assert database.run(count) == [(2, 2)]


def test_what_is_streamed_at_the_same_time_does_not_mix(url):
    with closing(PostgresDatabase(url, write=False, patience=2)) as database:
        database.look()
        streams = [database.stream("SELECT * FROM generate_series(?::int, ?::int)", (n, n + 999)) for n in range(20)]
        for number, row in enumerate(zip(*streams, strict=True)):
            assert row == tuple((number + n,) for n in range(20))
        database.rollback()


@pytest.mark.parametrize("name", ["a\0b", "\0", "x" * 64, "ü€😀", "a'b\"c%s?"])
def test_any_name_of_an_account_can_be_kept(policy, url, name):
    with open_ledger(url) as ledger:
        for minute in (1, 2):
            decision = ledger.evaluate(policy, snapshot(minute, account=name))
            assert (codes(decision), decision.outputs["number"]) == ([], minute)
        refused = ledger.evaluate(policy, {"account": {"id": name}})
        assert refused.record_id is not None
    assert fine(url, 3)


@pytest.mark.no_cover
def test_a_group_with_more_values_than_a_statement_takes_is_on_record_together(policy, url):
    asked = [Asked(policy, snapshot(0), "margin")] * 17_000  # so that their records alone have more
    with open_ledger(url, patience=30) as ledger:
        ledger.evaluate(policy, snapshot(0))
        decisions = ledger.evaluate_all(asked)
        assert {(decision.record_id is not None, *codes(decision)) for decision in decisions} == {(True,)}
    assert fine(url, 17_001)


def test_no_server_at_the_address_is_told(server):
    with pytest.raises(LogError) as raised:
        open_ledger("postgresql://127.0.0.1:1/risk")
    assert raised.value.code == "log-unreachable"


@pytest.mark.parametrize("write", [True, False])
def test_a_network_that_was_cut_is_noticed_while_the_server_computes(postgres_url, write):
    database = PostgresDatabase(postgres_url, write=write, patience=1.0)
    told = database._connection.info.get_parameters()
    assert {name: told[name] for name in ("keepalives_idle", "keepalives_interval", "keepalives_count")} == {
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
    }
    database.close()
