"""What goes between the service and its log's process: what was asked comes over as it was, each part once."""

from functools import cache
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from rulecap.audit.ledger import Asked
from rulecap.engine.policy import policy_from_files
from rulecap.service import wire
from rulecap.service.wire import Receiver, Sender, packed, unpacked
from tests.service.small import OTHER, POLICY, read, snapshot
from tests.snapshots import snapshots


@cache
def loaded(files):
    """Return the policy of files that came over; the same bytes are the same policy."""
    return policy_from_files(dict(files))


class TestTheWire:
    @given(st.lists(st.tuples(snapshots(), st.sampled_from([POLICY, OTHER])), min_size=1, max_size=3))
    def test_what_was_asked_comes_over_as_it_was(self, told):
        asked = [Asked(policy, read(one), "position", "key", b"request", "bot") for one, policy in told]
        sender, receiver = Sender(), Receiver()
        for _ in range(2):
            with patch.object(wire, "policy_from_files", lambda files: loaded(tuple(files.items()))):
                found = receiver.asked(unpacked(packed(sender.questions(asked))[wire.HEAD :]))
            for one, other in zip(asked, found, strict=True):
                assert to_json(one.snapshot, exclude_none=True) == to_json(other.snapshot, exclude_none=True)
                assert (one.policy.digest, *one[2:]) == (other.policy.digest, *other[2:])

    def test_parts_go_over_once_and_are_forgotten_when_they_are_many(self, monkeypatch):
        monkeypatch.setattr(wire, "MOST_PARTS", 12)
        sender, receiver = Sender(), Receiver()
        base, forgotten, policies = snapshot(), 0, 0
        for number in range(40):
            one = base.model_copy(update={"account": snapshot(0, 1.0 + number).account})
            questions = sender.questions([Asked(POLICY, one, "state"), Asked(POLICY, one, "margin")])
            forgotten += questions.forget_parts
            policies += len(questions.policies)
            known = receiver.asked(questions)
            assert [asked.snapshot.account.total_wallet_balance for asked in known] == [1.0 + number] * 2
            assert number == 0 or questions.forget_parts or len(questions.parts) == 1
            assert len(receiver._parts) <= 13 + len(questions.parts)
        assert forgotten > 1
        assert policies == 1  # to read one anew takes half a second, in which nobody is answered

    def test_policies_are_not_kept_for_ever(self, monkeypatch, tmp_path):
        monkeypatch.setattr(wire, "MOST_POLICIES", 1)
        sender, receiver = Sender(), Receiver()
        for policy in (POLICY, OTHER) * 3:
            (asked,) = receiver.asked(sender.questions([Asked(policy, snapshot(), "state")]))
            assert asked.policy.digest == policy.digest
            assert len(receiver._policies) <= 2
