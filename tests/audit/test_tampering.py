"""Whatever is done to a log's database is found, and the right record is named; what cannot be, is not claimed."""

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from rulecap.audit import open_log
from rulecap.audit.findings import Finding, Report
from rulecap.audit.verify import verify
from tests.audit.independent import verdict
from tests.audit.sample import OLD, url_of, write
from tests.audit.tampering import BOTH, CHECKPOINT, EVIDENCE, KEY, KINDS, NOTHING, Done, Kind


@dataclass(frozen=True)
class Sample:
    """A log as it was written, and its head as it was kept elsewhere."""

    path: Path
    kept: str
    size: int


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[bool, Sample]:
    """A signed log and one that is not."""
    folder = tmp_path_factory.mktemp("tampering")
    made = {}
    for signed in (True, False):
        path = folder / f"signed-{signed}.sqlite3"
        write(path, folder, OLD if signed else None)
        with open_log(url_of(path)) as log:
            made[signed] = Sample(path, log.head().note, log.head().size)
    return made


def report(path: Path, sample: Sample, evidence: str) -> Report:
    """What an auditor finds who has this evidence."""
    keys = [OLD.verifier] if evidence in {KEY, BOTH} else []
    kept = [sample.kept] if evidence in {CHECKPOINT, BOTH} else []
    with open_log(url_of(path)) as log:
        return verify(log, keys, kept)


def tampered(sample: Sample, path: Path, kind: Kind, rng: Random) -> Done:
    shutil.copy(sample.path, path)
    with closing(sqlite3.connect(path)) as database, database:
        return kind.tamper(database, rng)


def covers(found: Report, done: Done) -> bool:
    """Whether findings name every record that was touched and no other, or else the log."""
    spans = [(one.seq, one.last or one.seq) for one in found.findings if one.seq is not None and not blames(one, done)]
    if "tables-differ" in done.codes:
        return "tables-differ" in {one.code for one in found.findings}
    if not done.records:
        return not spans and bool(found.findings)
    touched = all(any(first <= seq <= last for first, last in spans) for seq in done.records)
    return (touched or not done.every) and all(
        any(first <= seq <= last for seq in done.records | done.may) for first, last in spans
    )


def blames(finding: Finding, done: Done) -> bool:
    """Whether a finding about the next record of an account blames one that was touched."""
    left = re.search(r"memory that record (\d+) left", finding.message)
    return left is not None and (int(left[1]) in done.records or done.with_leaf)


def try_one(kind: Kind, samples: dict[bool, Sample], path: Path, seed: str) -> None:
    rng = Random(seed)
    signed = rng.random() < 0.5
    evidence = rng.choice(EVIDENCE if signed else (NOTHING, CHECKPOINT))
    done = tampered(samples[signed], path, kind, rng)
    found = report(path, samples[signed], evidence)
    shown = (seed, signed, evidence, done, [one.render() for one in found.findings[:9]])
    if evidence not in kind.found_with and not (signed and kind.name.endswith("under_the_old_signature")):
        assert found.fine, shown
        return
    assert not found.fine, shown
    assert covers(found, done), shown
    codes = {one.code for one in found.findings}
    if done.codes and evidence == NOTHING:
        assert codes & done.codes, shown


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_tampering_is_found_and_named(kind: Kind, samples, tmp_path) -> None:
    for number in range(16):
        try_one(kind, samples, tmp_path / "log.sqlite3", f"{kind.name} {number}")


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_thousand_tamperings_of_each_kind_are_found_and_named(kind: Kind, samples, tmp_path) -> None:
    for number in range(1000):
        try_one(kind, samples, tmp_path / "log.sqlite3", f"soak {kind.name} {number}")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_log_that_nobody_tampered_with_is_fine(signed, evidence, samples) -> None:
    if signed or evidence in {NOTHING, CHECKPOINT}:
        found = report(samples[signed].path, samples[signed], evidence)
        assert found.findings == ()
        assert found.signed_by == (("desk",) if evidence in {KEY, BOTH} else ())
        assert found.checkpoints == (evidence in {CHECKPOINT, BOTH})


def test_an_independent_verifier_agrees_about_every_tampering_with_records(samples, tmp_path) -> None:
    """The other one sees records and head alone: where it finds something, so does verify, with the key."""
    path, rng = tmp_path / "log.sqlite3", Random("independent")
    disagreeing = []
    for kind in KINDS:
        tampered(samples[True], path, kind, rng)
        try:
            with closing(sqlite3.connect(path)) as database:
                bodies = [bytes(body) for (body,) in database.execute("SELECT body FROM records ORDER BY seq")]
                (note,) = database.execute("SELECT note FROM log").fetchone()
            other = verdict(bodies, note, OLD.verifier.to_text())
        except Exception as error:  # noqa: BLE001  # it is naive on purpose, and may fail on what is broken
            other = f"{error}"
        if other != "ok" and report(path, samples[True], KEY).fine:
            disagreeing.append((kind.name, other))
    assert disagreeing == []
