"""The tree grown again beside the stored nodes: of each thing that is changed, which of both is named, and where."""

import pytest

from rulecap.audit.findings import Findings
from rulecap.audit.merkle import Peaks, leaf_hash, node_count
from rulecap.audit.regrown import Regrown

LEAVES = [leaf_hash(b"%d" % number) for number in range(9)]
OTHER = leaf_hash(b"another")
UNSTORED_LEAF, UNSTORED_NODE = "the tree's leaf for it is not stored", "the tree's node above them is not stored"
WRONG_LEAF = "the tree's stored leaf is not its hash"
WRONG_NODE = "the tree's stored node above them does not follow from them"
EDITED = "its bytes are not those that were hashed when it was written"
EDITED_WITH_LEAF = "one of them is not as it was written: leaf and record agree, the tree above them does not"
CUT = "the tree has stored leaves for them, and neither the head nor the records do: the end was cut off"
NO_HASHES = (None, 5, "text", b"", OTHER[:-1], OTHER + b"\0")
SIZES = range(len(LEAVES) + 1)


def stored(size):
    """Return the nodes that are stored, and of each the first and the last record below it."""
    peaks, nodes, spans = Peaks(), [], []
    for leaf in LEAVES[:size]:
        peaks, made = peaks.append(leaf)
        nodes += made
        spans += [(peaks.size - (1 << level) + 1, peaks.size) for level in range(len(made))]
    return peaks.root, nodes, spans


def grown(rows, leaves, right, size=None):
    """Return the tree grown of records, as verify does it, and what is found."""
    findings = Findings()
    tree = Regrown(rows, findings)
    for leaf in leaves:
        if not tree.take(leaf):
            tree.doubt()
    tree.skip(len(leaves) if size is None else size)
    tree.ended(right)
    return tree, [(one.code, one.message, one.seq, one.last) for one in findings.in_order()]


def said(code, of_leaf, of_node, span):
    """Return the finding about a leaf, or about the node above some."""
    first, last = span
    return [(code, of_leaf, first, None) if first == last else (code, of_node, first, last)]


@pytest.mark.parametrize("size", SIZES)
def test_of_a_tree_as_it_was_written_nothing_is_found(size):
    root, nodes, _ = stored(size)
    tree, found = grown(enumerate(nodes), LEAVES[:size], True)
    assert (tree.root, tree.size, tree.differs, tree.lost, found) == (root, size, False, None, [])


@pytest.mark.parametrize("size", SIZES)
def test_a_stored_node_that_is_not_as_it_was_is_what_is_wrong_where_the_records_lead_to_the_root(size):
    root, nodes, spans = stored(size)
    for place, span in enumerate(spans):
        for content in (OTHER, *NO_HASHES):
            rows = [(at, content if at == place else node) for at, node in enumerate(nodes)]
            tree, found = grown(rows, LEAVES[:size], True)
            told = (WRONG_LEAF, WRONG_NODE) if content == OTHER else (UNSTORED_LEAF, UNSTORED_NODE)
            assert (tree.root, tree.differs, found) == (root, True, said("node-altered", *told, span))
        tree, found = grown([row for row in enumerate(nodes) if row[0] != place], LEAVES[:size], True)
        assert (tree.root, tree.differs) == (root, True)
        assert found == said("node-altered", UNSTORED_LEAF, UNSTORED_NODE, span)


@pytest.mark.parametrize("size", SIZES)
def test_a_record_that_is_not_as_it_was_is_what_is_wrong_where_the_records_lead_elsewhere(size):
    root, nodes, spans = stored(size)
    for place in range(size):
        leaves = [OTHER if at == place else leaf for at, leaf in enumerate(LEAVES[:size])]
        tree, found = grown(enumerate(nodes), leaves, False)
        assert (tree.root != root, tree.differs) == (True, True)
        assert found == [("record-altered", EDITED, place + 1, None)]
        at = node_count(place)
        tree, found = grown(((at_, OTHER if at_ == at else node) for at_, node in enumerate(nodes)), leaves, False)
        above = [span for span in spans if span[0] <= place + 1 <= span[1] and span[0] < span[1]]
        # The lowest node above it still is what was made of the other leaf; those above follow from that one.
        assert found == [("record-altered", EDITED_WITH_LEAF, *span) for span in above[:1]]
        assert (tree.root != root, tree.differs) == (True, bool(above))


@pytest.mark.parametrize("size", SIZES)
def test_where_records_are_missing_at_the_end_their_leaves_lead_to_the_root(size):
    root, nodes, _ = stored(size)
    for there in range(size):
        tree, found = grown(enumerate(nodes), LEAVES[:there], True, size)
        assert (tree.root, tree.size, tree.lost, tree.differs, found) == (root, size, None, False, [])


@pytest.mark.parametrize("size", SIZES)
def test_where_a_record_is_missing_with_its_leaf_there_is_no_root_and_nothing_more_to_say_of_nodes(size):
    _, nodes, _ = stored(size)
    for there in range(size):
        rows = [row for row in enumerate(nodes) if row[0] != node_count(there)]
        tree, found = grown(rows, LEAVES[:there], False, size)
        assert (tree.root, tree.size, tree.lost, found) == (None, size, there + 1, [])


@pytest.mark.parametrize("size", SIZES)
def test_behind_a_lost_record_the_others_are_still_held_against_their_leaves(size):
    for lost in range(size - 1):
        findings = Findings()
        tree = Regrown([row for row in enumerate(stored(size)[1]) if row[0] != node_count(lost)], findings)
        for leaf in LEAVES[:lost]:
            assert tree.take(leaf)
        tree.skip(lost + 1)
        agree = [tree.take(leaf) for leaf in (*LEAVES[lost + 1 : size - 1], OTHER)]
        assert (agree, tree.size, tree.root) == ([True] * (size - lost - 2) + [False], size, None)


@pytest.mark.parametrize("size", SIZES)
def test_leaves_beyond_the_end_tell_which_records_were_cut_off(size):
    _, nodes, spans = stored(size)
    for end in range(size):
        for last in range(node_count(end), len(nodes)):
            tree, found = grown(list(enumerate(nodes))[: last + 1], LEAVES[:end], True)
            assert found == [("record-missing", CUT, end + 1, spans[last][1])]
            assert not tree.differs


@pytest.mark.parametrize("rows", [[(-2, OTHER)], [(-2, OTHER), (-1, OTHER)], [("no number", OTHER)], [(None, OTHER)]])
@pytest.mark.parametrize("size", [0, 3])
@pytest.mark.parametrize("front", [True, False])
def test_stored_nodes_that_have_no_place_are_counted(rows, size, front):
    root, nodes, _ = stored(size)
    all_rows = [*rows, *enumerate(nodes)] if front else [*enumerate(nodes), *rows]
    tree, found = grown(all_rows, LEAVES[:size], True)
    nodes = "1 stored node" if len(rows) == 1 else "2 stored nodes"
    assert (tree.root, found) == (root, [("node-altered", f"{nodes} without a place in the tree", None, None)])
