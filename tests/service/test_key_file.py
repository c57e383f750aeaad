"""The file of API keys: it has hashes alone, is written as a whole and on the disk, and a broken one is refused."""

import errno
import os
import stat
import threading

import pytest

from rulecap.cli import main
from rulecap.service import keys
from rulecap.service.keys import KeyFile, KeyRing, UnusableKeys, add_key, new_key, read_keys, revoke_key, write_keys
from rulecap.service.settings import BadSettings, read_settings


def test_another_key_of_the_same_name_lets_in_nobody_who_was_let_in_by_the_one_before():
    """Who listens was let in by a key, not by its name: a file may be written by hand, a lost key be given anew."""
    (_, lost), (_, new) = (new_key("desk", ("read",)) for _ in range(2))
    ring = KeyRing(KeyFile(keys=(new,)))
    assert ring.lets(new, "read")
    assert not ring.lets(lost, "read")
    assert not ring.lets(new, "admin")
    assert not KeyRing(KeyFile(keys=(new.model_copy(update={"revoked": True}),))).lets(new, "read")
    assert not KeyRing(KeyFile()).lets(new, "read")


def test_keys_that_cannot_be_written_are_said_to_be_and_leave_nothing_behind(file):
    """Else a key would be taken for revoked that still lets somebody in."""
    file.mkdir()
    with pytest.raises(UnusableKeys, match="cannot write the keys"):
        write_keys(file, KeyFile())
    assert list(file.parent.iterdir()) == [file]


def test_a_revocation_is_on_the_disk_with_its_file_s_name_before_it_counts_as_made(file, monkeypatch):
    """Else the key would let somebody in again after a loss of power."""
    add_key(file, "leaked", ("admin",))
    synced = []

    def seen(handle):
        found = os.fstat(handle)
        synced.append((found.st_ino, found.st_size, read_keys(file).keys[0].revoked))

    monkeypatch.setattr("os.fsync", seen)
    revoke_key(file, "leaked")
    written, folder = file.stat(), file.parent.stat()
    assert synced == [(written.st_ino, written.st_size, False), (folder.st_ino, folder.st_size, True)]


def test_keys_that_do_not_get_to_the_disk_are_those_of_before_and_leave_nothing_behind(file, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    add_key(file, "leaked", ("admin",))
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnusableKeys, match=r"cannot write the keys .*: No space left on device"):
        revoke_key(file, "leaked")
    assert (list(file.parent.iterdir()), file.read_bytes()) == ([file], before)


def test_the_file_has_hashes_alone_and_only_its_owner_reads_it(file):
    token = add_key(file, "desk", ("read",))
    assert token.removeprefix("rulecap_desk_") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_written_again_stays_readable_to_whom_it_was(file):
    """Who revokes a key as root must not lock the service out of the file: the key would stay in force."""
    add_key(file, "other", ("read",))
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
    before = file.stat()
    revoke_key(file, "other")
    after = file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@pytest.mark.skipif(os.name != "posix", reason="no lock that ends with its process")
def test_a_key_that_is_made_meanwhile_does_not_bring_a_revoked_one_back(file, monkeypatch):
    add_key(file, "leaked", ("read",))
    read, meanwhile = threading.Event(), threading.Event()
    written = keys.write_keys

    def slowly(path, content):
        read.set()
        # Whoever revokes now has to wait for the end of this: there is nothing that tells that he does.
        meanwhile.wait(0.3)
        written(path, content)

    monkeypatch.setattr(keys, "write_keys", slowly)
    making = threading.Thread(target=add_key, args=(file, "other", ("read",)))
    making.start()
    assert read.wait(20)
    monkeypatch.setattr(keys, "write_keys", written)
    revoke_key(file, "leaked")
    meanwhile.set()
    making.join(20)
    assert {one.id: one.revoked for one in read_keys(file).keys} == {"leaked": True, "other": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("keys: [", "are no YAML"),
        ("keys: [{id: a}]", "sha256: missing-field"),
        ("keys: [{id: a, sha256: x, scopes: [read]}]", "keys[0].sha256"),
        ("keys: [{id: A, sha256: '%s', scopes: [read]}]" % ("0" * 64), "keys[0].id"),
        ("keys: [{id: a, sha256: '%s', scopes: [all]}]" % ("0" * 64), "keys[0].scopes[0]"),
        (
            f"keys: [{{id: a, sha256: '{'0' * 64}', scopes: []}}, {{id: a, sha256: '{'0' * 64}', scopes: []}}]",
            "a twice",
        ),
        ("[]", "is no file of keys"),
    ],
)
def test_a_file_that_is_none_of_keys_is_refused(file, text, told):
    file.write_text(text)
    with pytest.raises(UnusableKeys) as error:
        read_keys(file)
    assert told in str(error.value)
    assert "0000" not in str(error.value)


def test_keys_are_made_listed_and_revoked_on_the_command_line(file, capsys):
    assert main(["keys", "new", str(file), "--id", "desk", "--scope", "read", "--scope", "recommend"]) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("rulecap_desk_")
    assert main(["keys", "new", str(file), "--id", "desk", "--scope", "read"]) == 2
    assert "have desk already" in capsys.readouterr().err
    assert main(["keys", "revoke", str(file), "desk"]) == 0
    assert main(["keys", "revoke", str(file), "other"]) == 2
    capsys.readouterr()
    assert main(["keys", "list", str(file), "--json"]) == 0
    assert '"revoked": true' in capsys.readouterr().out


def test_the_command_that_is_named_where_keys_are_missing_makes_one(tmp_path):
    import re
    import subprocess
    import sys

    with pytest.raises(BadSettings) as raised:
        read_settings(host="0.0.0.0", demo=True)
    command = (
        re.search("`rulecap (.*?)`", str(raised.value))[1].replace("FILE", "keys.yaml").replace("NAME", "desk").split()
    )
    subprocess.run([sys.executable, "-m", "rulecap", *command], cwd=tmp_path, check=True, capture_output=True)
    assert len(read_keys(tmp_path / "keys.yaml").keys) == 1
