"""The top-level packages are this distribution's alone: `agents` is a name that others use too."""

from importlib.metadata import distributions, packages_distributions

import pytest


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


def test_it_is_never_uploaded() -> None:
    from importlib.metadata import metadata

    assert "Private :: Do Not Upload" in (metadata("feedback-monitor").get_all("Classifier") or [])
