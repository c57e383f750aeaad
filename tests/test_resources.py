"""Where the shipped files are found: beside the package in a checkout, inside it in a wheel."""

import pytest

from rulecap import resources
from rulecap.resources import resource_folder


def test_a_checkout_has_them_beside_the_package():
    assert (resource_folder("policies") / "default" / "policy.yaml").is_file()
    assert (resource_folder("schemas") / "policy.schema.json").is_file()


def test_a_wheel_has_them_inside(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "rulecap"
    (package / "_schemas").mkdir(parents=True)
    (package.parent / "schemas").mkdir()  # somebody else's folder beside the installed package
    monkeypatch.setattr(resources, "PACKAGE", package)
    assert resource_folder("schemas") == package / "_schemas"
    with pytest.raises(FileNotFoundError, match="the folder of policies is missing"):
        resource_folder("policies")


@pytest.mark.parametrize("name", ["", "..", "docs", "schemas/..", "Policies"])
def test_nothing_else_is_handed_out(name):
    with pytest.raises(ValueError, match="is not one of policies, schemas"):
        resource_folder(name)
