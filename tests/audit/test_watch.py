"""The watch over a log's files: what it finds, and what it does not ask about."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from rulecap.audit import watch
from rulecap.audit.errors import LogError
from rulecap.audit.watch import Watch, beside

SETTLED = 0.05


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The files of a log in a folder where nothing has changed lately."""
    monkeypatch.setattr(watch, "SETTLED_NS", int(SETTLED * 1e9))
    path = tmp_path / "log.sqlite3"
    for name in (str(path), *beside(str(path))):
        Path(name).write_bytes(b"once")
    time.sleep(2 * SETTLED)
    return path


def asked(monkeypatch):
    """Return the names of what is asked about from now on."""
    names = []

    def stat(name):
        names.append(Path(name).name)
        return Path(name).stat()

    monkeypatch.setattr(watch, "_stat", stat)
    return names


def remade(name):
    """Put another file of the same content in a file's place."""
    other = Path(f"{name}.other")
    other.write_bytes(Path(name).read_bytes())
    other.rename(name)


def test_files_beside_that_are_written_are_not_asked_about(log, monkeypatch):
    watched = Watch(log)
    watched.look()
    names = asked(monkeypatch)
    for _ in range(3):
        Path(beside(str(log))[0]).write_bytes(b"more and more")
        assert watched.look() is False
    assert names == [log.name, log.parent.name] * 3


@pytest.mark.parametrize("number", [0, 1])
def test_a_file_beside_that_is_another_one_is_found_in_a_folder_that_was_still(log, number):
    watched, name = Watch(log), beside(str(log))[number]
    watched.look()
    remade(name)
    with pytest.raises(LogError, match="is another file") as raised:
        watched.look()
    assert (raised.value.code, name in raised.value.reason) == ("log-replaced", True)


def test_a_file_beside_that_was_removed_is_found(log):
    watched = Watch(log)
    watched.look()
    Path(beside(str(log))[0]).unlink()
    with pytest.raises(FileNotFoundError):
        watched.look()


def test_a_change_on_the_heels_of_another_is_found(log):
    """What a file system's clock does not tell apart is looked at again."""
    watched = Watch(log)
    (log.parent / "of somebody else").write_bytes(b"")
    watched.look()
    remade(beside(str(log))[1])
    with pytest.raises(LogError):
        watched.look()


def test_a_change_that_the_clock_does_not_tell_from_the_one_before_is_found(log, monkeypatch):
    stands = log.parent.stat().st_ctime_ns

    def stat(name):
        found = Path(name).stat()
        told = {key: getattr(found, key) for key in ("st_dev", "st_ino", "st_size", "st_mtime_ns")}
        return SimpleNamespace(**told, st_ctime_ns=stands)

    monkeypatch.setattr(watch, "_stat", stat)
    monkeypatch.setattr(time, "time_ns", lambda: stands + watch.SETTLED_NS)
    watched = Watch(log)
    watched.look()
    remade(beside(str(log))[1])
    with pytest.raises(LogError):
        watched.look()


def test_another_folder_in_the_place_of_the_log_s_is_found(log):
    watched = Watch(log)
    watched.look()
    folder = log.parent
    folder.rename(folder.with_name("moved"))
    folder.mkdir()
    for name in (folder.with_name("moved")).iterdir():
        os.link(name, folder / name.name)  # the very same files, but for one
    remade(beside(str(log))[1])
    with pytest.raises(LogError):
        watched.look()


def test_a_log_that_is_reached_by_a_link_is_watched_where_it_lies(log, tmp_path):
    link = tmp_path / "elsewhere" / "link.sqlite3"
    link.parent.mkdir()
    link.symlink_to(log)
    watched = Watch(link)
    watched.look()
    remade(beside(str(log))[1])
    with pytest.raises(LogError):
        watched.look()


def test_what_is_written_to_the_log_itself_is_told_once(log):
    watched = Watch(log)
    log.write_bytes(b"once and again")
    os.utime(log, ns=(1, 1))
    assert [watched.look(), watched.look()] == [True, False]


def test_a_log_that_was_cut_is_refused(log):
    watched = Watch(log)
    log.write_bytes(b"")
    with pytest.raises(LogError) as raised:
        watched.look()
    assert raised.value.code == "log-corrupt"


def test_a_log_of_a_relative_name_is_watched_from_wherever(log, monkeypatch, tmp_path):
    monkeypatch.chdir(log.parent)
    watched = Watch(Path(log.name))
    monkeypatch.chdir(tmp_path.parent)
    assert watched.look() is False


def test_a_file_written_ahead_that_became_shorter_is_told_until_it_was_looked_into(log):
    watched, ahead = Watch(log), beside(str(log))[0]
    os.truncate(ahead, 5)
    assert watched.look() is False
    os.truncate(ahead, 4)
    assert [watched.look(), watched.look(), watched.cut] == [True, True, True]
    watched.cut = False
    assert watched.look() is False


@pytest.mark.parametrize("closed", [True, False])
def test_a_watch_that_ends_keeps_no_file_open(log, closed):
    watched = Watch(log)
    ahead = watched._ahead
    os.fstat(ahead)
    if closed:
        watched.close()
        watched.close()
    else:
        del watched
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ahead)


def test_a_watch_that_ended_leaves_alone_what_is_opened_in_its_place(log):
    """The number of its file is another file's by then, which somebody may be reading."""
    watched = Watch(log)
    number = watched._ahead
    watched.close()
    with log.open("rb") as other:
        if other.fileno() != number:
            os.dup2(other.fileno(), number)
        watched.look()
        assert os.lseek(number, 0, os.SEEK_CUR) == 0
        if other.fileno() != number:
            os.close(number)
