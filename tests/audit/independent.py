"""Does a signed tree head belong to these records? A verifier of its own, from the texts of the standards alone.

RFC 6962 (Merkle tree), RFC 8032 (Ed25519, by `cryptography`), https://c2sp.org/signed-note and tlog-checkpoint. It is
naive on purpose and shares nothing with the package that it judges: nothing of it is imported here.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tree_hash(bodies: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    n = len(bodies)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + bodies[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(bodies[:k]) + tree_hash(bodies[k:])).digest()


def verdict(bodies: Sequence[bytes], note: str, vkey: str) -> str:
    """Return `ok`, or why the note is no tree head, signed by this key, of exactly these records."""
    key_name, key_id, key = vkey.split("+", 2)
    typed_key = base64.b64decode(key, validate=True)
    named_key = key_name.encode() + b"\n" + typed_key
    if typed_key[0] != 1 or len(typed_key) != 33 or hashlib.sha256(named_key).hexdigest()[:8] != key_id:
        return "the key is not an Ed25519 verifier key"
    text, blank, signatures = note.rpartition("\n\n")
    if not blank:
        return "there is no signature"
    if not _signed(f"{text}\n".encode(), signatures, key_name, bytes.fromhex(key_id), typed_key[1:]):
        return "the key has not signed this text"
    _, size, root = text.split("\n")[:3]
    if int(size) != len(bodies):
        return f"the head is of {size} records, and there are {len(bodies)}"
    if base64.b64decode(root, validate=True) != tree_hash(bodies):
        return "the head is not that of these records"
    return "ok"


def _signed(message: bytes, signatures: str, key_name: str, key_id: bytes, public: bytes) -> bool:
    for line in signatures.splitlines():
        dash, name, signature = line.split(" ")
        raw = base64.b64decode(signature, validate=True)
        if (dash, name, raw[:4]) != ("\N{EM DASH}", key_name, key_id):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], message)
        except InvalidSignature:
            return False
        return True
    return False
