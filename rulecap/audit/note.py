"""Signed notes: a text and Ed25519 signatures over it, in the form of https://c2sp.org/signed-note.

Keys are written as Go's `golang.org/x/mod/sumdb/note` writes them.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from rulecap.problems import shown

ED25519 = b"\x01"  # the signature type, before the key's bytes
KEY_LENGTH = 32
KEY_ID_LENGTH = 4
MOST_SIGNATURES = 16  # as many as every verifier must accept
PRIVATE = "PRIVATE+KEY+"
SIGNATURE_MARK = "— "

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note, a checkpoint or a key is malformed or wrongly signed; the message never holds a key."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name that it signs under.

    Attributes:
        name: usually a URL without its scheme; without spaces and `+`.
        public: the Ed25519 public key, 32 bytes (RFC 8032).
        key_id: the first 4 bytes of SHA-256 over the name, a newline, the signature type and the key.

    Raises:
        NoteError: the name or the key's length is not allowed.
    """

    name: str
    public: bytes
    key_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the name and the key, and compute the key's id."""
        check_name(self.name)
        if len(self.public) != KEY_LENGTH:
            raise NoteError(f"an Ed25519 key has {KEY_LENGTH} bytes, not {len(self.public)}")
        digest = sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()
        object.__setattr__(self, "key_id", digest[:KEY_ID_LENGTH])

    @property
    def label(self) -> str:
        """The name and the key's id, as messages call the key."""
        return f"{self.name}+{self.key_id.hex()}"

    def to_text(self) -> str:
        """Return the key as `NAME+ID+KEY`."""
        return f"{self.label}+{base64_of(ED25519 + self.public)}"

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Return whether the signature is this key's over the message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the name that it signs under; it shows itself as its public half.

    Attributes:
        name: as in the verifier.
        seed: the Ed25519 private key, 32 bytes (RFC 8032).
        verifier: the public half.

    Raises:
        NoteError: the name or the seed's length is not allowed.
    """

    name: str
    seed: bytes = field(repr=False)
    verifier: Verifier = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the name and the seed, and compute the public half."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(self.seed) != KEY_LENGTH:
            raise NoteError(f"an Ed25519 key has {KEY_LENGTH} bytes, not {len(self.seed)}")
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(self.name, public))

    @property
    def key_id(self) -> bytes:
        """The id of the public half, 4 bytes."""
        return self.verifier.key_id

    def to_text(self) -> str:
        """Return the private key as `PRIVATE+KEY+NAME+ID+SEED`: it is to be kept secret."""
        return f"{PRIVATE}{self.verifier.label}+{base64_of(ED25519 + self.seed)}"

    def sign(self, message: bytes) -> bytes:
        """Return the signature over the message, 64 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it stands in a note: by whom it claims to be, and its bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart, nothing verified: its text is worth nothing before `signed_by` names a trusted key."""

    text: str
    signatures: tuple[Signature, ...]


def generate(name: str) -> Signer:
    """Return a new key; NoteError where the name is not allowed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Signer(name, Ed25519PrivateKey.generate().private_bytes_raw())


def signer_from_text(text: str) -> Signer:
    """Return the private key written as `PRIVATE+KEY+NAME+ID+SEED`; NoteError where it is anything else."""
    if not text.startswith(PRIVATE):
        raise NoteError(f"a private key starts with {PRIVATE}")
    name, seed = _key_parts(text.removeprefix(PRIVATE), "private key")
    signer = Signer(name, seed)
    if signer.to_text() != text:
        raise NoteError("the private key's id is not that of its name and key: a part of it was changed")
    return signer


def verifier_from_text(text: str) -> Verifier:
    """Return the public key written as `NAME+ID+KEY`; NoteError where it is anything else."""
    if text.startswith(PRIVATE):
        raise NoteError("this is a private key, to be kept secret; the public one, NAME+ID+KEY, is asked for")
    verifier = Verifier(*_key_parts(text, "public key"))
    if verifier.to_text() != text:
        raise NoteError("the public key's id is not that of its name and key: a part of it was changed")
    return verifier


def sign(text: str, *signers: Signer) -> str:
    """Return the whole note: the text, a blank line, and one line for each signer.

    Raises:
        NoteError: the text is not allowed in a note, or there are no signers, too many, or one twice.
    """
    _check_text(text)
    if not 0 < len(signers) <= MOST_SIGNATURES:
        raise NoteError(f"a note has 1 to {MOST_SIGNATURES} signatures, not {len(signers)}")
    if len(set(signers)) < len(signers):
        raise NoteError("a key signs a note once")
    message = text.encode()
    lines = [f"{SIGNATURE_MARK}{signer.name} {base64_of(signer.key_id + signer.sign(message))}\n" for signer in signers]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str) -> Note:
    """Return the note's text and signatures, none of them verified.

    Raises:
        NoteError: it is not a note, or has more than 16 signatures.
    """
    _check_characters(note)
    end = note.rfind("\n\n")
    if end < 0:
        raise NoteError("a note is a text, a blank line, and a line for each signature; there is no blank line")
    text, *lines = note[: end + 1], *note[end + 2 :].split("\n")
    if lines.pop():
        raise NoteError("a note ends in a newline: its last line is cut short")
    if not 0 < len(lines) <= MOST_SIGNATURES:
        raise NoteError(f"a note has 1 to {MOST_SIGNATURES} signatures, not {len(lines)}")
    return Note(text, tuple(map(_signature, lines)))


def signed_by(note: Note, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Return those of the verifiers that signed the note; the signatures of other keys are passed over.

    Raises:
        NoteError: a signature that claims to be by one of them is not.
    """
    message, signers = note.text.encode(), list[Verifier]()
    for verifier in dict.fromkeys(verifiers):
        claimed = [one for one in note.signatures if (one.name, one.key_id) == (verifier.name, verifier.key_id)]
        if not all(verifier.verify(message, one.signature) for one in claimed):
            raise NoteError(f"the signature of {verifier.label} is not over this text: one of them was changed")
        if claimed:
            signers.append(verifier)
    return tuple(signers)


def base64_of(raw: bytes) -> str:
    """Return the bytes in base64 (RFC 4648, 4)."""
    return b2a_base64(raw, newline=False).decode()


def from_base64(text: str) -> bytes:
    """Return the bytes written in base64 (RFC 4648, 4); NoteError where there is another way to write them."""
    try:
        raw = a2b_base64(text, strict_mode=True)
    except ValueError:
        raw = b""
    if not raw or base64_of(raw) != text:
        raise NoteError("this is not base64 as it is written canonically")
    return raw


def check_name(name: str) -> None:
    """Raise NoteError where a key may not have this name."""
    _check_characters(name)
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError(f"a key's name is not empty and has no spaces and no +: {shown(name)!r}")


def _check_text(text: str) -> None:
    _check_characters(text)
    if not text.endswith("\n"):
        raise NoteError("a note's text ends in a newline")


def _check_characters(text: str) -> None:
    """Refuse what no note may hold: control characters other than newline, and what UTF-8 cannot write."""
    found = _CONTROL.search(text) or re.search("[\ud800-\udfff]", text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise NoteError(f"line {line} holds U+{ord(found.group()):04X}, which no note may hold")


def _signature(line: str) -> Signature:
    name, space, written = line.removeprefix(SIGNATURE_MARK).partition(" ")
    if not line.startswith(SIGNATURE_MARK) or not space:
        raise NoteError(f"a signature's line is `— NAME BASE64`, not {shown(line)!r}")
    check_name(name)
    try:
        raw = from_base64(written)
    except NoteError as error:
        raise NoteError(f"the signature of {shown(name)}: {error}") from None
    if len(raw) <= KEY_ID_LENGTH:
        raise NoteError(f"the signature of {shown(name)} is cut short")
    return Signature(name, raw[:KEY_ID_LENGTH], raw[KEY_ID_LENGTH:])


def _key_parts(text: str, kind: str) -> tuple[str, bytes]:
    """Return the name and the bytes of a key's text; what is wrong is said without repeating any of it."""
    name, _, rest = text.partition("+")
    key_id, plus, written = rest.partition("+")
    if not name or not plus or not re.fullmatch("[0-9a-f]{8}", key_id):
        raise NoteError(f"a {kind} ends in NAME+ID+KEY, the ID in 8 hexadecimal digits")
    try:
        check_name(name)
        raw = from_base64(written)
    except NoteError:
        raise NoteError(f"the {kind}'s name or base64 is malformed") from None
    if raw[:1] != ED25519:
        raise NoteError(f"the {kind} is of signature type {raw[0]}; Ed25519 is 1")
    return name, raw[1:]
