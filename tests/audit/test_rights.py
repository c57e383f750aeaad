"""Files and folders that may not be written or read, or not by everybody."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rulecap.audit import open_log
from rulecap.audit.verify import verify

ROOT = Path(__file__).resolve().parents[2]
GOOD, REFUSED = [None, [True, True, []], [True, True, []]], [[False, False, ["unlogged"]], [True, False, ["unlogged"]]]


AS_NOBODY = """\
import json, os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
import rulecap.audit.sqlite
from rulecap import load_policy
from rulecap.audit import LogError, open_ledger, open_log
from tests.audit.counting import snapshot
policy = load_policy({policy!r})
for decision in policy.decisions:
    policy.evaluate({{}}, decision)
file = Path({file!r})
url = f"sqlite:///{{file}}"

def become(user):
    os.setgid(65534); os.setuid(user)

def told(ledger, minute):
    answers = [ledger.evaluate(policy, snapshot(minute)), ledger.evaluate(policy, snapshot(minute), "margin")]
    failure = ledger.failure.code if ledger.failure else None
    return [failure, *([a.ok, a.record_id is not None, [p.code for p in a.problems]] for a in answers)]

def opened(opening):
    try:
        with opening(url): return "opened"
    except LogError as error: return error.code

def let_go(ledger):
    ledger._database.close(); ledger._writer = None  # as after a failure: the next question opens the file again

{script}
"""


@pytest.fixture
def as_nobody(policy, file, tmp_path):
    """Return what runs a script as somebody without rights, and gives what it tells."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not write")
    file.parent.chmod(0o777)

    def run(script):
        text = AS_NOBODY.format(root=str(ROOT), policy=str(tmp_path / "counting"), file=str(file), script=script)
        ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


class TestRights:
    @pytest.fixture
    def tmp_path(self):
        """A folder that others reach; those of pytest are for their owner alone."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    def test_a_folder_that_may_not_be_entered_refuses_and_recovers(self, as_nobody, file):
        found = as_nobody("""
become(65534)
file.parent.joinpath("own").mkdir()
file = file.parent / "own" / "log.sqlite3"
url = f"sqlite:///{file}"
with open_ledger(url, patience=0.1) as ledger:
    good = told(ledger, 1)
    file.parent.chmod(0o000)
    refused, again, new, reading = told(ledger, 2), told(ledger, 3), opened(open_ledger), opened(open_log)
    file.parent.chmod(0o755)
    print(json.dumps([good, refused, again, new, reading, told(ledger, 4)]))
""")
        refused = ["log-read-only", *REFUSED]
        assert found == [GOOD, refused, refused, "log-read-only", "log-read-only", GOOD]

    def test_a_file_that_may_not_be_written_refuses_and_recovers(self, as_nobody, file):
        """SQLite would make a write-ahead log with the same rights, which would be in the way ever after."""
        found = as_nobody("""
become(65534)
with open_ledger(url, patience=0.1) as ledger:
    good = told(ledger, 1)
    file.chmod(0o444); let_go(ledger)
    refused, again, new = told(ledger, 2), told(ledger, 3), opened(open_ledger)
    reading = opened(open_log)
    file.chmod(0o644)
    print(json.dumps([good, refused, again, new, reading, told(ledger, 4)]))
""")
        refused = ["log-read-only", *REFUSED]
        assert found == [GOOD, refused, refused, "log-read-only", "opened", GOOD]
        with open_log(f"sqlite:///{file}") as log:
            assert (verify(log).fine, log.head().size) == (True, 4)

    def test_a_folder_that_may_not_be_written_refuses_and_recovers(self, as_nobody, file):
        found = as_nobody("""
become(65534)
with open_ledger(url, patience=0.1) as ledger:
    good = told(ledger, 1)
print(json.dumps(good))
""")
        assert found == GOOD
        found = as_nobody("""
os.chmod(file.parent, 0o755)
become(65534)
print(json.dumps([opened(open_ledger), opened(open_log)]))
""")
        assert found == ["log-read-only", "opened"]
        file.parent.chmod(0o777)
        assert as_nobody("become(65534)\nwith open_ledger(url) as ledger: print(json.dumps(told(ledger, 2)))") == GOOD

    def test_a_reader_of_another_account_leaves_nothing_that_stops_the_writer(self, as_nobody, file):
        assert as_nobody("become(65534)\nwith open_ledger(url) as ledger: print(json.dumps(told(ledger, 1)))") == GOOD
        found = as_nobody("become(65533)\nprint(json.dumps([opened(open_log), opened(open_ledger)]))")
        assert found == ["opened", "log-read-only"]
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        assert as_nobody("become(65534)\nwith open_ledger(url) as ledger: print(json.dumps(told(ledger, 2)))") == GOOD

    def test_says_that_a_file_may_not_be_read_and_of_a_new_one_that_its_folder_is_in_the_way(self, as_nobody, file):
        """As with the rights that a log should have, its owner's alone."""
        assert as_nobody("become(65534)\nwith open_ledger(url) as ledger: print(json.dumps(told(ledger, 1)))") == GOOD
        file.chmod(0o600)
        why = "def why(opening, url):\n    try: opening(url)\n    except LogError as error: return str(error)\n"
        (read,) = as_nobody(f"{why}become(65533)\nprint(json.dumps([why(open_log, url)]))")
        assert read == f"{file} may not be read [log-read-only]"
        (new,) = as_nobody(
            f"{why}os.chmod(file.parent, 0o755)\nbecome(65533)\nprint(json.dumps([why(open_ledger, url + 'new')]))"
        )
        assert new == f"{file}new cannot be made: the folder {file.parent} may not be written [log-read-only]"

    def test_what_a_dead_writer_left_is_only_taken_in_by_one_who_may(self, as_nobody, file):
        ended = "become(65534)\nledger = open_ledger(url)\nprint(json.dumps(told(ledger, 1)), flush=True)\nos._exit(0)"
        assert as_nobody(ended) == GOOD
        Path(f"{file}-shm").unlink()
        assert as_nobody("become(65533)\nprint(json.dumps(opened(open_log)))") == "log-read-only"
        assert not Path(f"{file}-shm").exists()
        file.parent.chmod(0o755)
        assert as_nobody("os.chmod(file.parent, 0o755)\nbecome(65534)\nprint(json.dumps(opened(open_ledger)))") == (
            "log-read-only"
        )
        file.parent.chmod(0o777)
        assert as_nobody("become(65534)\nwith open_ledger(url) as ledger: print(json.dumps(told(ledger, 2)))") == GOOD
