"""The Merkle tree against RFC 6962's own recursive definitions and the published answers; forged proofs are refused."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.audit.merkle import (
    EMPTY_ROOT,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_count,
    node_hash,
    peaks_at,
    position,
    root_at,
    verify_consistency,
    verify_inclusion,
)

# The reference leaves of the certificate-transparency project, and the root of the first 0, 1, … 8 of them.
BODIES = [
    bytes.fromhex(body)
    for body in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAF_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
LEAF_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
NODE_2_4 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
NODE_4_6 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
NODE_4_8 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
NODE_6_8 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
INCLUSION = {  # (index, size): proof
    (0, 1): [],
    (0, 8): [LEAF_1, NODE_2_4, NODE_4_8],
    (5, 8): [LEAF_4, NODE_6_8, ROOTS[4]],
    (2, 3): [ROOTS[2]],
    (1, 5): [ROOTS[1], NODE_2_4, LEAF_4],
}
CONSISTENCY = {  # (old, new): proof
    (1, 1): [],
    (1, 8): [LEAF_1, NODE_2_4, NODE_4_8],
    (6, 8): [NODE_4_6, NODE_6_8, ROOTS[4]],
    (2, 5): [NODE_2_4, LEAF_4],
    (6, 7): [NODE_4_6, "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f", ROOTS[4]],
}
MOST = 70  # leaves: more than two whole levels above 16, and ragged at each


# The definitions of RFC 6962, 2.1, as they stand there.
def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def mth(bodies: Sequence[bytes]) -> bytes:
    if not bodies:
        return sha256().digest()
    if len(bodies) == 1:
        return sha256(b"\x00" + bodies[0]).digest()
    k = split(len(bodies))
    return sha256(b"\x01" + mth(bodies[:k]) + mth(bodies[k:])).digest()


def path(m: int, bodies: Sequence[bytes]) -> list[bytes]:
    if len(bodies) == 1:
        return []
    k = split(len(bodies))
    if m < k:
        return [*path(m, bodies[:k]), mth(bodies[k:])]
    return [*path(m - k, bodies[k:]), mth(bodies[:k])]


def subproof(m: int, bodies: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(bodies):
        return [] if whole else [mth(bodies)]
    k = split(len(bodies))
    if m <= k:
        return [*subproof(m, bodies[:k], whole), mth(bodies[k:])]
    return [*subproof(m - k, bodies[k:], False), mth(bodies[:k])]


def grown(bodies: Sequence[bytes]) -> tuple[Peaks, list[bytes]]:
    peaks, nodes = Peaks(), list[bytes]()
    for body in bodies:
        peaks, stored = peaks.append(leaf_hash(body))
        nodes += stored
    return peaks, nodes


MANY = [b"record %d" % number for number in range(MOST)]
STORED = grown(MANY)[1].__getitem__
sizes = st.integers(0, MOST)
bodies_of_logs = st.lists(st.binary(max_size=3), max_size=MOST)


def root_of(size: int) -> bytes:
    return mth(MANY[:size])


def hexed(proof: Sequence[bytes]) -> list[str]:
    return [one.hex() for one in proof]


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_are_found(size: int) -> None:
    peaks, nodes = grown(BODIES[:size])
    assert peaks.root.hex() == ROOTS[size]
    assert root_at(nodes.__getitem__, size).hex() == ROOTS[size]


def test_the_empty_tree_has_the_root_of_no_bytes() -> None:
    assert EMPTY_ROOT.hex() == ROOTS[0]
    assert Peaks() == peaks_at(pytest.fail, 0)


@pytest.mark.parametrize(("place", "proof"), INCLUSION.items())
def test_the_published_inclusion_proofs_are_found_and_hold(place: tuple[int, int], proof: list[str]) -> None:
    index, size = place
    found = inclusion_proof(grown(BODIES)[1].__getitem__, index, size)
    assert hexed(found) == proof
    assert verify_inclusion(leaf_hash(BODIES[index]), index, size, found, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("sizes_", "proof"), CONSISTENCY.items())
def test_the_published_consistency_proofs_are_found_and_hold(sizes_: tuple[int, int], proof: list[str]) -> None:
    old, new = sizes_
    found = consistency_proof(grown(BODIES)[1].__getitem__, old, new)
    assert hexed(found) == proof
    assert verify_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), found)


def test_nodes_are_stored_after_each_leaf_the_parents_it_completes_lowest_first() -> None:
    peaks, nodes = Peaks(), list[bytes]()
    for size, body in enumerate(MANY, start=1):
        assert node_count(size - 1) == len(nodes)
        peaks, stored = peaks.append(leaf_hash(body))
        for level, node in enumerate(stored):
            index = (size >> level) - 1
            assert position(level, index) == len(nodes)
            assert node == mth(MANY[index << level : (index + 1) << level])
            nodes.append(node)
    assert node_count(MOST) == len(nodes)


def test_an_append_leaves_the_peaks_it_started_from_as_they_were() -> None:
    before = grown(MANY[:7])[0]
    after, _ = before.append(leaf_hash(b"one"))
    assert (before.root, after.size) == (root_of(7), 8)
    assert before.append(leaf_hash(b"other"))[0].root == mth([*MANY[:7], b"other"])


@given(bodies_of_logs)
def test_the_root_is_the_recursive_tree_hash(bodies: list[bytes]) -> None:
    peaks, nodes = grown(bodies)
    assert peaks.root == mth(bodies)
    assert len(nodes) == node_count(len(bodies))
    for size in range(len(bodies) + 1):
        assert root_at(nodes.__getitem__, size) == mth(bodies[:size])
    assert peaks_at(nodes.__getitem__, len(bodies)) == peaks


def test_every_inclusion_proof_is_the_recursive_path_and_holds() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            proof = inclusion_proof(STORED, index, size)
            assert list(proof) == path(index, MANY[:size])
            assert verify_inclusion(leaf_hash(MANY[index]), index, size, proof, root_of(size))


def test_every_consistency_proof_is_the_recursive_proof_and_holds() -> None:
    for new in range(MOST + 1):
        for old in range(new + 1):
            proof = consistency_proof(STORED, old, new)
            assert list(proof) == (subproof(old, MANY[:new], True) if old else [])
            assert verify_consistency(old, root_of(old), new, root_of(new), proof)


def test_proofs_reach_across_trees_too_large_to_build() -> None:
    """The nodes of 2**40 equal leaves are one per level, so that such a tree can be read without being stored."""
    levels = [leaf_hash(b"same")]
    for _ in range(40):
        levels.append(node_hash(levels[-1], levels[-1]))
    level_of = {position(40, 0): 40}
    size, index, asked = 2**40, 2**39 + 5, list[int]()
    start, level = 0, 40
    while level:  # the siblings on the way down to the leaf
        level -= 1
        left, right = start >> level, (start >> level) + 1
        level_of |= {position(level, left): level, position(level, right): level}
        start += (index - start) >> level << level

    def node_at(place: int) -> bytes:
        asked.append(place)
        return levels[level_of[place]]

    proof = inclusion_proof(node_at, index, size)
    assert len(proof) == len(asked) == 40
    assert verify_inclusion(levels[0], index, size, proof, levels[40])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (4, 3), (-1, 3), (0, -1)])
def test_no_leaf_outside_of_the_tree_is_proved(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"^a tree of {size} leaves has no leaf {index}$"):
        inclusion_proof(pytest.fail, index, size)
    assert not verify_inclusion(leaf_hash(MANY[0]), index, size, (), leaf_hash(MANY[0]))
    assert not verify_inclusion(leaf_hash(MANY[0]), index, size, (), EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3), (0, -1)])
def test_no_larger_tree_is_the_start_of_a_smaller_one(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=f"^a tree of {old} leaves is not the start of one of {new}$"):
        consistency_proof(pytest.fail, old, new)
    assert not verify_consistency(old, root_of(4), new, root_of(3), ())
    assert not verify_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, ())


def test_peaks_that_belong_to_no_such_tree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^a tree of 3 leaves does not have 1 peaks$"):
        Peaks(3, (EMPTY_ROOT,))
    with pytest.raises(ValueError, match=r"^a tree of -1 leaves does not have 1 peaks$"):
        Peaks(-1, (EMPTY_ROOT,))


def test_the_empty_tree_starts_every_tree_with_an_empty_proof_and_its_own_root_only() -> None:
    assert verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    assert verify_consistency(0, EMPTY_ROOT, 5, root_of(5), ())
    assert not verify_consistency(0, EMPTY_ROOT, 0, root_of(1), ())
    assert not verify_consistency(0, root_of(1), 5, root_of(5), ())
    assert not verify_consistency(0, EMPTY_ROOT, 5, root_of(5), (root_of(5),))


def test_trees_of_one_size_are_consistent_only_when_they_are_the_same() -> None:
    assert verify_consistency(5, root_of(5), 5, root_of(5), ())
    assert not verify_consistency(5, root_of(5), 5, root_of(4), ())
    assert not verify_consistency(5, root_of(5), 5, root_of(5), (root_of(5),))


def forgeries(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Each hash changed in one bit, cut or lengthened; one hash less, more, twice or elsewhere."""
    forged = [proof[:-1], proof[1:], (*proof, EMPTY_ROOT), (EMPTY_ROOT, *proof), (*proof, *proof[-1:])]
    forged += [tuple(reversed(proof)), (*proof, b"")]
    for place, one in enumerate(proof):
        around = proof[:place], proof[place + 1 :]
        forged.append((*around[0], *around[1]))
        flipped = [one[:i] + bytes([one[i] ^ 1 << i % 8]) + one[i + 1 :] for i in (0, 15, 31)]
        forged += [(*around[0], other, *around[1]) for other in (*flipped, one[:-1], one + b"\0", b"", EMPTY_ROOT)]
    return [other for other in forged if other != proof]


@given(st.data(), st.integers(1, MOST))
def test_a_forged_inclusion_proof_is_refused(draw: st.DataObject, size: int) -> None:
    index = draw.draw(st.integers(0, size - 1))
    leaf, root, proof = leaf_hash(MANY[index]), root_of(size), inclusion_proof(STORED, index, size)
    for forged in forgeries(proof):
        assert not verify_inclusion(leaf, index, size, forged, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, leaf_hash(b"another"))
    assert not verify_inclusion(leaf[:-1], index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, root + b"\0")
    for other in range(-1, MOST + 1):
        assert not verify_inclusion(leaf, other, size, proof, root) or other == index


@given(sizes, sizes)
def test_an_inclusion_proof_holds_for_no_other_tree(index: int, size: int) -> None:
    if index < size:
        proof = inclusion_proof(STORED, index, size)
        for other in range(MOST + 1):
            assert not verify_inclusion(leaf_hash(MANY[index]), index, other, proof, root_of(other)) or other == size


@given(st.data(), st.integers(1, MOST))
def test_a_forged_consistency_proof_is_refused(draw: st.DataObject, new: int) -> None:
    old = draw.draw(st.integers(1, new))
    old_root, new_root, proof = root_of(old), root_of(new), consistency_proof(STORED, old, new)
    for forged in forgeries(proof):
        assert not verify_consistency(old, old_root, new, new_root, forged)
    assert not verify_consistency(old, leaf_hash(b"another"), new, new_root, proof)
    assert not verify_consistency(old, old_root, new, leaf_hash(b"another"), proof)
    assert not verify_consistency(old, old_root[:-1], new, new_root, proof)
    assert not verify_consistency(old, old_root, new, new_root + b"\0", proof)


@given(st.data(), st.integers(1, MOST))
def test_a_tree_with_one_old_record_changed_is_not_consistent(draw: st.DataObject, new: int) -> None:
    old = draw.draw(st.integers(1, new))
    changed = draw.draw(st.integers(0, old - 1))
    rewritten = [*MANY[:changed], b"rewritten", *MANY[changed + 1 : new]]
    peaks, nodes = grown(rewritten)
    proof = consistency_proof(nodes.__getitem__, old, new)
    assert not verify_consistency(old, root_of(old), new, peaks.root, proof)


def test_a_proof_of_the_wrong_length_is_refused_even_where_its_hashes_lead_to_the_root() -> None:
    leaf, other = leaf_hash(MANY[0]), leaf_hash(MANY[1])
    two, four = root_of(2), root_of(4)
    assert not verify_inclusion(leaf, 0, 1, (other,), node_hash(other, leaf))  # too long
    assert not verify_inclusion(leaf, 0, 1, (other,), node_hash(leaf, other))
    assert not verify_inclusion(leaf, 0, 3, (other,), two)  # too short
    assert not verify_consistency(1, node_hash(two, leaf), 2, node_hash(two, two), (leaf, other, two))
    assert not verify_consistency(2, two, 8, node_hash(two, other), (other,))
    over = node_hash(four, leaf), node_hash(four, two)
    assert not verify_consistency(3, over[0], 4, over[1], (*consistency_proof(STORED, 3, 4), four))
    assert not verify_consistency(3, root_of(3), 5, root_of(5), ())


def test_a_proof_longer_than_the_tree_is_high_is_refused_even_where_both_roots_are_made_for_it() -> None:
    old, new, proof = root_of(3), root_of(4), consistency_proof(STORED, 3, 4)
    above = leaf_hash(b"above")
    for made in ((node_hash(above, old), node_hash(above, new)), (old, node_hash(new, above))):
        assert not verify_consistency(3, made[0], 4, made[1], (*proof, above))


def test_hashes_cut_elsewhere_prove_nothing_though_their_bytes_together_are_the_same() -> None:
    left, right = leaf_hash(MANY[0]), leaf_hash(MANY[1])
    assert node_hash(left + right[:1], right[1:]) == root_of(2)
    assert not verify_inclusion(left + right[:1], 0, 2, (right[1:],), root_of(2))
    assert not verify_consistency(1, left + right[:1], 2, root_of(2), (right[1:],))
