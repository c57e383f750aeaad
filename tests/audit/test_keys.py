"""Key files: written once, for their owner alone, and never shown."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rulecap.audit import open_ledger
from rulecap.audit.keys import UnusableKey, read_signer, read_verifiers, write_key
from rulecap.audit.note import Signer, generate
from rulecap.audit.witness import is_signed

SIGNER = Signer("rulecap.example/log", bytes(range(100, 132)))
OTHER = Signer("other.example/log", bytes(range(32)))
SECRET = SIGNER.to_text().split("+", 4)[4]


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(UnusableKey) as caught:
        act()
    assert not any(SECRET[start : start + 6] in str(caught.value) for start in range(len(SECRET) - 5))
    return str(caught.value)


def key_file(folder: Path, text: str | bytes, mode: int = 0o600) -> str:
    path = folder / "log.key"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return str(path)


def test_a_key_is_written_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    path, signer = tmp_path / "log.key", generate("rulecap.example/log")
    before = os.umask(0)
    try:
        write_key(path, signer)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"{signer.to_text()}\n"
    assert read_signer(str(path)) == signer


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    write_key(path, SIGNER)
    assert refused(lambda: write_key(str(path), OTHER)) == (
        f"{path} exists already, and a key is never overwritten: choose another name"
    )
    assert read_signer(str(path)) == SIGNER
    (tmp_path / "link.key").symlink_to(tmp_path / "nowhere")
    refused(lambda: write_key(tmp_path / "link.key", OTHER))
    assert not (tmp_path / "nowhere").exists()


def test_a_key_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "absent" / "log.key"
    assert refused(lambda: write_key(path, SIGNER)) == f"{path} cannot be written: No such file or directory"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "log.key"
    assert refused(lambda: write_key(path, SIGNER)) == f"{path} cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_the_file_and_its_name_are_on_the_disk_before_a_key_counts_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = list[tuple[int, int]]()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((os.fstat(handle).st_ino, os.fstat(handle).st_size)))
    write_key(tmp_path / "log.key", SIGNER)
    written, folder = (tmp_path / "log.key").stat(), tmp_path.stat()
    assert written.st_size == len(SIGNER.to_text()) + 1
    assert synced == [(written.st_ino, written.st_size), (folder.st_ino, folder.st_size)]


@pytest.mark.parametrize("text", [SIGNER.to_text(), f"{SIGNER.to_text()}\n", f"  {SIGNER.to_text()}\r\n\n"])
def test_a_signing_key_is_read_from_a_file_or_from_the_text_itself(tmp_path: Path, text: str) -> None:
    assert read_signer(key_file(tmp_path, text)) == SIGNER
    assert read_signer(text) == SIGNER


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o660, 0o777])
def test_a_signing_key_that_others_may_touch_is_refused_saying_what_to_do(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, SIGNER.to_text(), mode)
    assert refused(lambda: read_signer(path)) == (
        f"{path} is open to others than its owner (mode {mode:04o}): chmod 600 {path}"
    )


def test_the_command_to_close_a_key_file_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "my keys"
    folder.mkdir()
    path = key_file(folder, SIGNER.to_text(), 0o644)
    assert refused(lambda: read_signer(path)).endswith(f": chmod 600 '{path}'")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_signing_key_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert read_signer(key_file(tmp_path, SIGNER.to_text(), mode)) == SIGNER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a private key starts with PRIVATE+KEY+"),
        (SECRET, "a private key starts with PRIVATE+KEY+"),
        (SIGNER.verifier.to_text(), "a private key starts with PRIVATE+KEY+"),
        (SIGNER.to_text()[:-1], "the private key's name or base64 is malformed"),
        (f"{SIGNER.to_text()}\n{OTHER.to_text()}", "the private key's name or base64 is malformed"),
        (
            SIGNER.to_text().replace("log", "logs"),
            "the private key's id is not that of its name and key: a part of it was changed",
        ),
    ],
)
def test_a_file_that_holds_no_signing_key_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = key_file(tmp_path, text)
    assert refused(lambda: read_signer(path)) == f"{path}: {message}"


def test_a_signing_key_given_as_text_is_refused_by_no_name(tmp_path: Path) -> None:
    assert refused(lambda: read_signer(SIGNER.to_text()[:-1])) == (
        "the signing key: the private key's name or base64 is malformed"
    )


def test_a_ledger_takes_a_key_s_path_as_whatever_is_one_and_says_what_is_no_key(tmp_path, sqlite_url):
    path = tmp_path / "desk.key"
    write_key(str(path), SIGNER)
    with open_ledger(sqlite_url, key=path) as ledger:
        assert is_signed(ledger.head.note)
    for wrong in (5, b"key", ["key"], True):
        assert refused(lambda wrong=wrong: open_ledger(sqlite_url, key=wrong)) == (
            f"a {type(wrong).__name__} is no key: a file's path or the key itself is asked for"
        )


@pytest.mark.parametrize("read", [read_signer, read_verifiers])
def test_what_opens_no_file_is_refused_and_shown_only_where_it_cannot_be_a_key(
    tmp_path: Path, read: Callable[[str], object]
) -> None:
    absent = str(tmp_path / "no-such.key")
    assert refused(lambda: read(absent)) == f"the key file {absent} cannot be read: No such file or directory"
    assert refused(lambda: read(str(tmp_path))) == f"the key file {tmp_path} cannot be read: Is a directory"
    assert refused(lambda: read("a\0b")).endswith("has no possible path")
    assert refused(lambda: read(" ")) == "no key is given: a file's path or the key itself is asked for"
    for mistyped in (
        SECRET,
        f'"{SIGNER.to_text()}"',
        f"RIVATE+KEY+{SECRET}",
        SIGNER.seed.hex(),
        SIGNER.to_text().lower(),
    ):
        message = refused(lambda mistyped=mistyped: read(mistyped))
        assert message.startswith("the key file (not shown, for it may be a key) cannot be read: ")


@pytest.mark.parametrize("read", [read_signer, read_verifiers])
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, read: Callable[[str], object]) -> None:
    path = key_file(tmp_path, b"\xff\xfe")
    assert refused(lambda: read(path)) == f"{path} is not text, and so no key file"
    key_file(tmp_path, b"a" * 65_537)
    assert refused(lambda: read(path)) == f"{path} is too large to be a key file"


def test_public_keys_are_read_from_a_file_or_from_the_text_itself(tmp_path: Path) -> None:
    one, other = SIGNER.verifier, OTHER.verifier
    path = key_file(tmp_path, f"{one.to_text()}\n", 0o644)
    assert read_verifiers(path) == read_verifiers(one.to_text()) == read_verifiers(f" {one.to_text()}\n") == (one,)
    text = f"{one.to_text()}\r\n\n{other.to_text()}\n"
    assert read_verifiers(text) == (one, other)
    assert read_verifiers(key_file(tmp_path, text, 0o644)) == (one, other)


def test_a_file_without_a_public_key_is_refused_at_its_line(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"{OTHER.verifier.to_text()}\n\nnonsense\n")
    malformed = "a public key ends in NAME+ID+KEY, the ID in 8 hexadecimal digits"
    assert refused(lambda: read_verifiers(path)) == f"{path}, line 3: {malformed}"
    assert refused(lambda: read_verifiers(key_file(tmp_path, " \n"))) == f"{path} holds no key"


def test_a_private_key_is_refused_where_a_public_one_is_asked_for(tmp_path: Path) -> None:
    private = "this is a private key, to be kept secret; the public one, NAME+ID+KEY, is asked for"
    path = key_file(tmp_path, SIGNER.to_text())
    assert refused(lambda: read_verifiers(path)) == f"{path}, line 1: {private}"
    assert refused(lambda: read_verifiers(SIGNER.to_text())) == f"the public key, line 1: {private}"


def test_a_public_key_where_the_private_one_is_asked_for_is_said_to_be_that() -> None:
    public = generate("desk").verifier.to_text()
    with pytest.raises(UnusableKey) as raised:
        read_signer(public)
    assert str(raised.value) == "this is a public key; what signs is the private one, or the path of its file"
