"""Memory along an account's time, in whatever order snapshots come, held against a naive model of the rule."""

import json
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rulecap.audit import open_ledger, open_log
from rulecap.audit.ledger import Asked
from rulecap.audit.replay import replayed
from rulecap.audit.verify import verify
from tests.audit.counting import counting, snapshot

LOSSES = ("worst_loss", "largest_loss")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["", "", "", "", "reopen", "no snapshot", "with the next", "with the next"]),
        st.sampled_from(["a", "a", "b"]),
        st.integers(0, 9),
        st.integers(-9, 3),
        st.sampled_from(["position", "margin"]),
        st.sampled_from(LOSSES),
        st.integers(0, 1),
    ),
    min_size=6,
    max_size=25,
)


class Naive:
    """An evaluation is given the memory from before its time, and advances it where nothing has at that time or later.

    Memories go with the version of the policy that left them: another one gets the names that it remembers.
    """

    def __init__(self):
        self.advances = {}

    def given(self, account, minute, loss):
        """Return the memory that an evaluation gets."""
        before = [after for at, after in self.advances.get(account, []) if at < minute]
        found = before[-1] if before else None
        return None if found is None else {name: found[name] for name in found if name in ("seen", loss)}

    def advance(self, account, minute, memory, pnl, loss):
        past = self.advances.setdefault(account, [])
        if past and minute <= past[-1][0]:
            return
        known = memory or {}
        after = {"seen": known.get("seen", 0) + 1, loss: max(known.get(loss, 0), -pnl)}
        past.append((minute, after))


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies")
    return {loss: counting(folder / loss, version=f"1.{n}.0", loss=loss) for n, loss in enumerate(LOSSES)}


@pytest.fixture
def empty(request, url):
    """What takes a log away, so that each example begins one."""
    if url.startswith("sqlite"):
        folder = request.getfixturevalue("tmp_path")
        return lambda: [file.unlink() for file in folder.glob("log.sqlite3*")]
    server, database = request.getfixturevalue("server"), request.getfixturevalue("database")
    return lambda: server.empty(database)


def test_any_order_of_snapshots_gets_the_memory_that_the_rule_says(policies, url, empty):
    postgres = not url.startswith("sqlite")
    profile = settings(suppress_health_check=list(HealthCheck))
    if postgres:
        profile = settings(profile, max_examples=max(10, profile.max_examples // 10))

    @profile
    @given(steps=STEPS)
    def holds(steps):
        empty()
        follow(policies, url, steps)

    holds()


def follow(policies, url, steps):
    """Take the steps with two ledgers on one log, as two processes have them, and with the model."""
    model = Naive()
    with ExitStack() as stack:
        ledgers = [stack.enter_context(open_ledger(url)) for _ in range(2)]
        some = []
        for step in steps:
            some.append(step)
            if step[0] == "with the next" and step is not steps[-1]:
                continue
            if step[0] == "reopen":
                ledgers.reverse()
                ledgers[0].close()
                ledgers[0] = stack.enter_context(open_ledger(url))
            elif step[0] == "no snapshot":
                assert not ledgers[0].evaluate(policies[LOSSES[0]], '{"account": {"id": "a"}}').ok
            evaluated(ledgers[step[-1]], policies, model, some)
            some = []
    with open_log(url) as log:
        assert verify(log).findings == ()
        log.database.look()
        for record in [one.record for one in log.stored()]:
            assert replayed(record, log.policy(record.fields["policy"]["digest"])) is None


def evaluated(ledger, policies, model, steps):
    """Take steps together, in one transaction."""
    asked = [
        Asked(policies[loss], snapshot(minute, pnl, account), decision)
        for _, account, minute, pnl, decision, loss, _ in steps
    ]
    for step, answer in zip(steps, ledger.evaluate_all(asked), strict=True):
        _, account, minute, pnl, _, loss, _ = step
        memory = model.given(account, minute, loss)
        assert answer.problems == ()
        assert answer.outputs["number"] == (memory or {}).get("seen", 0) + 1
        on_record(ledger, answer, memory)
        model.advance(account, minute, memory, pnl, loss)


def on_record(ledger, answer, memory):
    rows = ledger._database.run("SELECT body FROM records WHERE seq = ?", (int(answer.record_id.rpartition("-")[2]),))
    recorded = json.loads(bytes(rows[0][0]))["memory"]
    assert recorded == memory


def test_a_late_snapshot_under_a_newer_version_verifies(policies, url):
    old, new = policies.values()
    with open_ledger(url) as ledger:
        for policy, minute in ((old, 1), (new, 3), (new, 2), (old, 2), (old, 0), (new, 3), (old, 3)):
            ledger.evaluate(policy, snapshot(minute, pnl=-minute))
    with open_log(url) as log:
        assert verify(log).findings == ()


@pytest.mark.parametrize("reopened", [False, True])
def test_a_version_gets_all_that_it_knows_from_before_a_time_at_which_another_advanced(policies, url, reopened):
    old, new = policies.values()
    with open_ledger(url) as first:
        first.evaluate(old, snapshot(1, pnl=-5))
        first.evaluate(new, snapshot(2))
        with open_ledger(url) as second:
            assert (second if reopened else first).evaluate(old, snapshot(2)).memory == {"seen": 2, "worst_loss": 5}
    with open_log(url) as log:
        assert verify(log).findings == ()


def test_a_late_one_among_many_gets_what_those_before_it_left(policies, url):
    policy = policies[LOSSES[0]]
    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(0))
        answers = ledger.evaluate_all([Asked(policy, snapshot(minute)) for minute in (1, 5, 3)])
        assert [answer.outputs["number"] for answer in answers] == [2, 3, 3]
        under = [Asked(policy, snapshot(minute), idempotency_key="k") for minute in (6, 6)]
        first, again = ledger.evaluate_all(under)
        assert (first.record_id, first.outputs["number"]) == (again.record_id, 4)
    with open_log(url) as log:
        assert verify(log).findings == ()


def test_many_under_keys_are_each_evaluated_once(policies, url, monkeypatch):
    policy, evaluated = policies[LOSSES[0]], []
    usual = type(policy).evaluate

    def counted(self, *given):
        evaluated.append(given)
        return usual(self, *given)

    with open_ledger(url) as ledger:
        ledger.evaluate(policy, snapshot(0))
        monkeypatch.setattr(type(policy), "evaluate", counted)
        for batch in (1, 2):
            asked = [Asked(policy, snapshot(batch), idempotency_key=f"{batch} {number}") for number in range(5)]
            assert all(answer.record_id for answer in ledger.evaluate_all(asked))
    assert len(evaluated) == 10
