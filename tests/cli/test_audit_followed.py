"""rulecap audit verify --after, and what is said of logs that follow one another."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rulecap.audit import LogError, open_ledger, open_log, opening
from rulecap.audit.carry import carried_over
from tests.audit.rewriting import bodies, changed, rewrite
from tests.cli.logged import LOG, ask


class TestVerifyAfter:
    """Whoever begins a log could carry other memories over than the old one left; the log itself cannot tell."""

    NEXT = "sqlite:///next.sqlite3"

    @pytest.fixture
    def following(self, rulecap, log):
        assert rulecap("audit", "begin", "--after", LOG, "--log", self.NEXT).code == 0

    def verified(self, rulecap, log=NEXT):
        return rulecap("audit", "verify", "--log", log, "--after", LOG)

    def test_agrees_where_it_follows(self, rulecap, log, following):
        said = self.verified(rulecap)
        assert said.code == 0
        assert said.out.splitlines()[-1] == f"it follows rulecap/{log.id} at 3 records, with the memories left there"

    def test_agrees_with_what_the_old_log_itself_was_given(self, rulecap, log, following):
        third = "sqlite:///third.sqlite3"
        assert rulecap("audit", "begin", "--after", self.NEXT, "--log", third).code == 0
        assert rulecap("audit", "verify", "--log", third, "--after", self.NEXT).code == 0
        said = self.verified(rulecap, third)
        assert (said.code, "follows rulecap/" in said.out, f"not rulecap/{log.id}" in said.out) == (1, True, True)

    def test_names_whose_memory_is_another(self, rulecap, policy, log):
        with open_log(LOG) as old:
            carried = json.loads(carried_over(old))
        carried["carried"]["memories"][0]["memory"]["seen"] = 99
        with open_ledger(self.NEXT) as ledger:
            ledger.begin_with(json.dumps(carried).encode())
        assert rulecap("audit", "verify", "--log", self.NEXT).code == 0
        said = self.verified(rulecap)
        expected = "record 1: the memory of a under counting is not the one that was left"
        assert (said.code, said.out.splitlines()[0]) == (1, f"{expected} [carried-differs]")
        told = json.loads(rulecap("audit", "verify", "--log", self.NEXT, "--after", LOG, "--json").out)
        assert (told["ok"], told["count"], told["findings"][0]["code"]) == (False, 1, "carried-differs")

    @pytest.mark.parametrize("older", [False, True], ids=["another", "none, as of an older rulecap"])
    def test_names_whose_deposits_are_others(self, rulecap, policy, log, older):
        with open_log(LOG) as old:
            carried = json.loads(carried_over(old))
        if older:
            del carried["carried"]["deposits"]
        else:
            carried["carried"]["deposits"][0]["net"] = 99.0
        with open_ledger(self.NEXT) as ledger:
            ledger.begin_with(json.dumps(carried).encode())
        assert rulecap("audit", "verify", "--log", self.NEXT).code == 0
        said = self.verified(rulecap)
        expected = "record 1: the deposits of a are not those that were left [carried-differs]"
        assert (said.code, older or said.out.splitlines()[0] == expected) == (0 if older else 1, True)

    def test_names_an_old_log_that_was_written_to_afterwards_or_rewritten(self, rulecap, policy, log, following):
        ask(policy, 4)
        assert "had 3 records when it was followed, and has 4" in self.verified(rulecap).out
        Path("log.sqlite3").unlink()
        ask(policy, 1, 2, 3)
        assert "it follows rulecap/" in self.verified(rulecap).out

    def test_counts_one_record_as_one(self, rulecap, policy):
        ask(policy, 1)
        assert rulecap("audit", "begin", "--after", LOG, "--log", self.NEXT).code == 0
        ask(policy, 2)
        assert "had 1 record when it was followed, and has 2" in self.verified(rulecap).out

    @pytest.mark.parametrize("size", ["x", None, 3.5, [3], {}])
    def test_says_a_size_that_is_none_as_it_stands(self, rulecap, log, following, size):
        with closing(sqlite3.connect("next.sqlite3")) as database, database:
            (body,) = bodies(database)
            carried = {**json.loads(body)["snapshot"]["carried"], "size": size}
            database.execute("UPDATE records SET body = ?", (changed(body, snapshot={"carried": carried}),))
        said = self.verified(rulecap)
        assert (said.code, f"had {size} records when it was followed, and has 3" in said.out) == (1, True)

    def test_names_an_old_log_that_was_rewritten_with_the_same_memories(self, rulecap, log, following):
        """What was carried proves the old log as it was then, also where what is changed left no memory."""
        with closing(sqlite3.connect("log.sqlite3")) as database, database:
            first, *others = bodies(database)
            rewrite(database, [changed(first, engine="9.9.9"), *others])
        said = f"record 1: rulecap/{log.id} had other records when it was followed: it was rewritten [carried-differs]"
        assert self.verified(rulecap).out.splitlines()[0] == said

    def test_names_one_that_follows_none_and_says_what_cannot_be_read(self, rulecap, log, following):
        said = rulecap("audit", "verify", "--log", LOG, "--after", self.NEXT)
        assert (said.code, "record 1: it carries no memories over" in said.out) == (1, True)
        gone = rulecap("audit", "verify", "--log", self.NEXT, "--after", "sqlite:///none")
        assert (gone.code, gone.err) == (2, "rulecap: there is no log at none [no-log]\n")

    @pytest.mark.parametrize("carried", ['{"log": 5}', '{"memories": 5}', '{"memories": [5]}', "5", "{}"])
    def test_finds_what_is_no_such_record(self, rulecap, log, following, carried):
        with closing(sqlite3.connect("next.sqlite3")) as database, database:
            (body,) = database.execute("SELECT body FROM records WHERE seq = 1").fetchone()
            changed_body = changed(body, snapshot={"carried": json.loads(carried)})
            database.execute("UPDATE records SET body = ?", (changed_body,))
        said = self.verified(rulecap)
        assert (said.code, "[carried-differs]" in said.out) == (1, True)

    def test_finds_that_another_log_follows_and_says_where_it_cannot_know(self, rulecap, log, following):
        """A copy of the old log can be followed by another one: whoever has both sees it."""
        Path("copy.sqlite3").write_bytes(Path("log.sqlite3").read_bytes())
        with closing(sqlite3.connect("copy.sqlite3")) as database, database:
            database.execute("DELETE FROM checkpoints")
        other, copy = "sqlite:///other.sqlite3", "sqlite:///copy.sqlite3"
        said = rulecap("audit", "verify", "--log", self.NEXT, "--after", copy)
        assert said.code == 0
        nothing = f"nothing in rulecap/{log.id} says which log follows it: another one may, too"
        assert said.out.splitlines()[-1] == nothing
        refused = rulecap("audit", "begin", "--after", LOG, "--log", other)
        assert (refused.code, "is followed by rulecap/" in refused.err) == (2, True)
        assert rulecap("audit", "begin", "--after", copy, "--log", other).code == 0
        said = self.verified(rulecap, other)
        assert (said.code, said.out.splitlines()[0].endswith("[followed-by-another]")) == (1, True)
        assert rulecap("audit", "verify", "--log", other, "--after", copy).code == 0

    def test_is_begun_in_place_of_another(self, rulecap, log, following):
        told = json.loads(rulecap("audit", "verify", "--log", self.NEXT, "--json").out)["log"]
        other = "sqlite:///other.sqlite3"
        assert rulecap("audit", "begin", "--after", LOG, "--log", other, "--instead", f"rulecap/{told}").code == 0
        assert self.verified(rulecap, other).code == 0
        assert "[followed-by-another]" in self.verified(rulecap).out

    @pytest.mark.parametrize("code", ["log-read-only", "log-full"])
    def test_says_where_the_old_log_cannot_be_told(self, rulecap, log, monkeypatch, code):
        connect = opening.connect

        def read_only(url, *, write, create, patience):
            if write and url == LOG:
                raise LogError(code, "log.sqlite3 is not written")
            return connect(url, write=write, create=create, patience=patience)

        monkeypatch.setattr(opening, "connect", read_only)
        said = rulecap("audit", "begin", "--after", LOG, "--log", self.NEXT)
        expected = "rulecap: log.sqlite3 does not say that this log follows it, so that another one may, too: "
        assert (said.code, said.err) == (0, f"{expected}log.sqlite3 is not written [{code}]\n")
        assert "says which log follows it" in self.verified(rulecap).out

    def test_finds_a_first_record_that_cannot_be_read(self, rulecap, log, following):
        with closing(sqlite3.connect("next.sqlite3")) as database, database:
            database.execute("UPDATE records SET body = ?", (b"{",))
        said = self.verified(rulecap)
        assert (said.code, "record 1: it cannot be read" in said.out) == (1, True)
