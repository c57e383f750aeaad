"""The monitor with its log on a PostgreSQL server: what is recorded, and what goes on while the server is away."""

import io
import json
import logging
from contextlib import closing

import pytest

from rulecap.audit import open_log
from rulecap.audit.verify import verify
from rulecap.cli import main
from rulecap.service.logs import set_up
from tests.audit.server import GUARDED, PASSWORD
from tests.monitor.conftest import ORANGE, Desk, changes, codes


@pytest.fixture
def log(server, database):
    """The address of an empty database, for a role with a password, which is in it."""
    with closing(server.admin()) as superuser:
        superuser.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
        superuser.execute(f"GRANT CREATE ON DATABASE {database} TO {GUARDED}")
    yield server.url(database, f"{GUARDED}:{PASSWORD}")
    server.start()  # where a test that failed left it stopped
    server.empty(database)
    with closing(server.admin(database)) as superuser:
        superuser.execute(f"DROP OWNED BY {GUARDED} CASCADE")
        superuser.execute(f"DROP ROLE {GUARDED}")


@pytest.fixture
def at_postgres(tmp_path, binance, log):
    """A monitor of an account in the orange zone."""
    desk = Desk(tmp_path, binance)
    desk.log = log
    binance.set_wallet(ORANGE)
    return desk


@pytest.fixture
def logged():
    """Return what the command's own logging writes at its loudest."""
    kept = [(logging.getLogger(name), logging.getLogger(name).level) for name in ("", "rulecap")]
    handlers, text = kept[0][0].handlers[:], io.StringIO()
    set_up("debug", True, text)
    yield text.getvalue
    kept[0][0].handlers[:] = handlers
    for logger, level in kept:
        logger.setLevel(level)


def recorded(log, report):
    """Return the records of a pass that the log has."""
    with open_log(log) as opened:
        return [opened.find(one.record_id) for one in report.decided if one.record_id]


def test_the_command_records_there_before_it_sends(tmp_path, binance, log, logged, capsys):
    binance.account.holdings.clear()
    binance.set_position("BTCUSDT", "LONG", "0.05", "32310", leverage=5)
    binance.set_wallet("420")  # ORANGE
    journal = tmp_path / "orders"
    arguments = ["binanceusdm", "--once", "--execute", "--json", "--log", log, "--journal", str(journal)]
    code = main(["monitor", *arguments, "--url", binance.origin, "--log-level", "debug"])
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (code, told["ok"]) == (0, True)
    assert {one["order"]["state"] for one in told["actions"]} == {"FILLED"}
    with open_log(log) as opened:
        assert all(opened.find(one["decision_id"]) for one in told["decisions"])
        assert verify(opened).fine
    assert [one.client_id[:2] + one.client_id[14:15] for one in binance.orders] == ["rcr"]
    assert PASSWORD not in shown.out + shown.err + logged()
    assert all(PASSWORD.encode() not in one.read_bytes() for one in tmp_path.glob("orders*"))


def test_reductions_go_on_while_the_server_is_away_and_the_log_is_written_again_after(
    at_postgres, binance, server, log, logged, capsys
):
    binance.set_wallet("50000")

    def stop():
        server.stop()
        binance.set_wallet(ORANGE)

    before, during, still, after = at_postgres.steps(stop, lambda: binance.set_wallet("700"), server.start)
    assert (before.ok, after.ok, len(recorded(log, after))) == (True, True, 3)
    assert changes(during)["monitor.log"] == ("WRITTEN", "FAILING")
    assert changes(after)["monitor.log"] == ("FAILING", "WRITTEN")
    for report in (during, still):
        assert set(codes(report)) == {"unlogged"}
        assert [one.record_id for one in report.decided] == [None] * 3
        assert {one.did for one in report.outcomes} == {"sent"}
        assert {one.order.state for one in report.outcomes} == {"FILLED"}
        assert {one.order.client_order_id[:3] for one in report.outcomes} == {"rcu"}
    with open_log(log) as opened:
        assert verify(opened).fine
    text = logged() + "".join(capsys.readouterr())
    assert "unlogged" in text
    assert PASSWORD not in text


def test_a_monitor_that_starts_while_the_server_is_away_reduces_and_opens_the_log_when_it_can(
    at_postgres, binance, server, log, logged
):
    server.stop()
    during, after = at_postgres.steps(server.start)
    assert codes(during) == ["unlogged"] * 3, during.troubles
    assert {one.order.state for one in during.outcomes} == {"FILLED"}
    assert (after.ok, len(recorded(log, after))) == (True, 3), after.troubles
    assert PASSWORD not in logged()
