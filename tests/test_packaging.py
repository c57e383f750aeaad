"""The package as others get it: built, installed as wheel, sdist and editable, and its shipped policy evaluated."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from rulecap.version import __version__

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the source tree")


def run(*command: str | Path, cwd: Path) -> str:
    """Return the output of a command that must succeed; nothing of this environment leaks into its imports."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture
def environment(tmp_path):
    """Return a fresh environment that finds this one's packages, but not this one's rulecap."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    # A folder named in a .pth file is searched last, and its own .pth files, such as an editable install, are not read.
    Path(packages, "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_the_wheel_has_the_policies_and_schemas_and_nothing_beside_the_package(built):
    with zipfile.ZipFile(built / f"rulecap-{__version__}-py3-none-any.whl") as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {"rulecap", f"rulecap-{__version__}.dist-info"}
    for name in ("_policies/default/policy.yaml", "_policies/conservative.yaml", "_schemas/policy.schema.json"):
        assert f"rulecap/{name}" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_sdist_has_what_a_reader_needs(built):
    with tarfile.open(built / f"rulecap-{__version__}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "Makefile", "pyproject.toml", "tests/test_packaging.py"} <= names
    assert {"policies/default/policy.yaml", "schemas/policy.schema.json", ".ci/run"} <= names


@pytest.mark.parametrize("form", ["wheel", "sdist", "editable"])
def test_installed_it_evaluates_a_shipped_policy(built, environment, tmp_path, form):
    sdist = built / f"rulecap-{__version__}.tar.gz"
    if form == "wheel":
        what = [built / f"rulecap-{__version__}-py3-none-any.whl"]
    elif form == "sdist":
        what = ["--no-build-isolation", sdist]
    else:
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path, filter="data")
        what = ["--no-build-isolation", "--editable", tmp_path / f"rulecap-{__version__}"]
    pip = (sys.executable, "-m", "pip", "--python", environment, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--ignore-installed", *what, cwd=tmp_path)

    home = run(environment / "bin" / "python", "-c", "import rulecap; print(rulecap.__file__)", cwd=tmp_path)
    assert Path(home.strip()).is_relative_to(tmp_path)
    example = ROOT / "policies" / "default" / "examples" / "sushi_recorded.json"
    command = environment / "bin" / "rulecap"
    answer = json.loads(run(command, "eval", example, "--policy", "default", "--json", cwd=tmp_path))
    assert answer["ok"]
    assert answer["policy"]["name"] == "default"
    assert run(command, "schema", "tests", cwd=tmp_path).startswith("{")
