"""The same bytes in give the same bytes out: for every hash seed, in every process, on every Python found."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from random import Random

import pytest

from rulecap import load_policy
from tests.promises.policies import put, situation, written
from tests.promises.shipped import ROOT, SHIPPED, shipped
from tests.snapshots import Json, random_snapshot, sequence

OTHER_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LONGEST = 60  # seconds; a slower index is no reason to wait

# Run by other Pythons: reads a record file, writes one digest for each evaluation, and what it was made of.
CHILD = """
import hashlib, json, sys
from rulecap import load_policy
records = json.loads(open(sys.argv[1], encoding="utf-8").read())
for name, folder in records["policies"].items():
    policy = load_policy(folder)
    print(name, policy.digest, policy.meaning)
    for record in records["evaluations"]:
        if record["policy"] == name:
            answer = policy.evaluate(json.dumps(record["snapshot"]), record["decision"], record["memory"])
            parts = json.dumps([answer.outputs, answer.memory]), answer.trace.to_json().decode(), answer.trace.explain()
            codes = ",".join(problem.code for problem in answer.problems)
            print(record["number"], answer.ok, codes, *(hashlib.sha256(part.encode()).hexdigest() for part in parts))
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write evaluations to be repeated: the shipped policies and generated ones, memory as it came."""
    folder, rng = tmp_path_factory.mktemp("records"), Random("records")
    shutil.copytree(ROOT / "policies", folder / "policies")
    places = {name: str(folder / "policies" / (f"{name}.yaml" if name == "conservative" else name)) for name in SHIPPED}
    for seed in range(2):
        places[f"generated {seed}"] = str(put(folder / str(seed), written(Random(f"same {seed}"))))
    evaluations: list[Json] = []
    for name, place in places.items():
        policy = shipped(name) if name in SHIPPED else load_policy(place)
        memory: Json | None = None
        snapshots = [*(random_snapshot(rng) for _ in range(25)), *sequence(rng, 15)]
        for snapshot in snapshots if name in SHIPPED else [situation(rng) for _ in range(10)]:
            decision = rng.choice(policy.decisions)
            record = {"policy": name, "snapshot": snapshot, "decision": decision, "memory": memory}
            evaluations.append({**record, "number": len(evaluations)})
            memory = policy.evaluate(snapshot, decision, memory).memory
    path = folder / "records.json"
    path.write_text(json.dumps({"policies": places, "evaluations": evaluations}))
    return path


def said_by(python: str, records: Path, folder: Path, **environment: str) -> str:
    """Return what a Python says to the records, run in another folder, with only the given environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    run = subprocess.run(
        [python, "-c", CHILD, str(records)],
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


@pytest.fixture(scope="module")
def expected(records: Path) -> str:
    return said_by(sys.executable, records, records.parent, PYTHONHASHSEED="0")


def test_the_records_are_worth_repeating(expected: str) -> None:
    lines = expected.splitlines()
    assert len(lines) > 130
    assert sum(" True " in line for line in lines) > 60
    assert sum(" False " in line for line in lines) > 10


def test_this_process_says_the_same(records: Path, expected: str) -> None:
    said = {}
    for record in json.loads(records.read_text())["evaluations"]:
        if record["policy"] in SHIPPED:
            answer = shipped(record["policy"]).evaluate(record["snapshot"], record["decision"], record["memory"])
            said[str(record["number"])] = hashlib.sha256(answer.trace.to_json()).hexdigest()
    traces = {line.split(" ")[0]: line.split(" ")[-2] for line in expected.splitlines() if line.split(" ")[0] in said}
    assert said == traces


@pytest.mark.parametrize("seed", ["1"])
def test_every_hash_seed_gives_the_same_bytes(records: Path, expected: str, tmp_path: Path, seed: str) -> None:
    environment = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "RULECAP_ANYTHING": "else", "PYTHONUTF8": "0"}
    assert said_by(sys.executable, records, tmp_path, PYTHONHASHSEED=seed, **environment) == expected


def test_optimised_python_gives_the_same_bytes(records: Path, expected: str, tmp_path: Path) -> None:
    """Nothing that matters is an assertion."""
    assert said_by(sys.executable, records, tmp_path, PYTHONOPTIMIZE="2", PYTHONHASHSEED="4294967295") == expected


def test_asking_again_and_in_another_order_gives_the_same_bytes(records: Path) -> None:
    """No evaluation leaves anything behind for the next."""
    evaluations = [one for one in json.loads(records.read_text())["evaluations"] if one["policy"] in SHIPPED]
    first = [_bytes(one) for one in evaluations]
    order = list(range(len(evaluations)))
    Random(1).shuffle(order)
    for number in order:
        assert _bytes(evaluations[number]) == first[number]


def _bytes(record: Json) -> bytes:
    answer = shipped(record["policy"]).evaluate(record["snapshot"], record["decision"], record["memory"])
    return json.dumps([answer.outputs, answer.memory]).encode() + answer.trace.to_json()


def other_python(version: str) -> str:
    """Return an interpreter of a version, or skip the test."""
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found else []
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python"))
    for candidate in candidates:
        asked = [str(candidate), "-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"]
        run = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
        if run.returncode == 0 and run.stdout.split()[-1] == version:
            return run.stdout.split()[0]
    pytest.skip(f"there is no Python {version} here")


@pytest.mark.parametrize("version", OTHER_PYTHONS)
def test_every_python_gives_the_same_bytes(
    records: Path, expected: str, tmp_path: Path, request: pytest.FixtureRequest, version: str
) -> None:
    if version == "{}.{}".format(*sys.version_info[:2]):
        pytest.skip("it is the Python of this test")
    python = other_python(version)
    packages = needed(python, version, request)
    # Digests of texts and values are compared, so a difference in one last digit or in the order of one key shows.
    assert (
        said_by(python, records, tmp_path, PYTHONHASHSEED="3", PYTHONPATH=f"{ROOT}{os.pathsep}{packages}") == expected
    )


def needed(python: str, version: str, request: pytest.FixtureRequest) -> Path:
    """Return a folder with the packages that rulecap needs, kept for the next run, or skip the test."""
    names = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    cache = request.config.cache
    if cache is None:
        pytest.skip("no cache to keep packages in")
    home = cache.mkdir(f"packages-{version}")
    kept = home / hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
    if kept.is_dir():
        return kept
    with tempfile.TemporaryDirectory(dir=home) as building:
        options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target", f"{building}/new"]
        install = [python, "-m", "pip", "install", *options, *names]
        try:
            subprocess.run(install, capture_output=True, check=True, timeout=LONGEST)
            Path(building, "new").rename(kept)  # whole or not at all, whoever else is building
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            if not kept.is_dir():
                pytest.skip(f"what rulecap needs could not be installed for {python}: {error}")
    return kept
