"""A proof holds without the log."""

from rulecap.audit.merkle import leaf_hash, verify_inclusion
from rulecap.audit.record import Record
from rulecap.audit.review.proof import proof_of
from tests.audit.review.made import START


class TestAProof:
    def test_holds_without_the_log(self, log):
        for seq in (1, 2, 77, 160):
            record = log.record(seq)
            told = proof_of(log, record).to_dict()
            path = tuple(bytes.fromhex(one) for one in told["path"])
            leaf, root = leaf_hash(record.body), bytes.fromhex(told["root"])
            assert told["holds"]
            assert verify_inclusion(leaf, told["index"], told["size"], path, root)
            assert not verify_inclusion(leaf_hash(record.body + b" "), told["index"], told["size"], path, root)

    def test_is_not_there_of_a_record_that_the_head_does_not_count(self, log):
        assert proof_of(log, Record(161, log.record(160).body)) is None


def test_the_log_begins_when_it_says(log):
    assert log.record(1).fields["time"].startswith(START.isoformat()[:13])
