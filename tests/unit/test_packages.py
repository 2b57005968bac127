"""The top-level packages are this distribution's alone: `agents` is a name that others use too."""

import tomllib
from fnmatch import fnmatch
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

ROOT = Path(__file__).parents[2]
INSTALLED = {"feedback_app", "agents", "models"}


@pytest.mark.parametrize("package", ["feedback_app", "agents", "models"])
def test_no_other_distribution_owns_the_package(package: str) -> None:
    owners = set(packages_distributions().get(package, []))
    assert owners <= {"feedback-monitor"}
    files = {
        dist.metadata["Name"]
        for dist in distributions()
        if any(path.parts and path.parts[0] == package for path in dist.files or [])
    }
    assert files <= {"feedback-monitor"}


def test_training_benchmarks_and_tests_are_not_installed() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = find_namespace_packages(str(ROOT), include=setup["packages"]["find"]["include"])
    assert {name.partition(".")[0] for name in found} == INSTALLED


def test_every_data_file_of_the_packages_is_installed() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = setup["package-data"]["*"]
    files = [
        file.name
        for package in INSTALLED
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    ]
    left_out = [name for name in files if not any(fnmatch(name, each) for each in patterns)]
    unused = [each for each in patterns if not any(fnmatch(name, each) for name in files)]
    assert (left_out, unused) == ([], [])


def test_it_is_never_uploaded() -> None:
    from importlib.metadata import metadata

    assert "Private :: Do Not Upload" in (metadata("feedback-monitor").get_all("Classifier") or [])
