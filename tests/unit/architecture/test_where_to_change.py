"""docs/where-to-change.md and CONTRIBUTING.md name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("docs/where-to-change.md", "CONTRIBUTING.md")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|md))`")


def named(page: str) -> list[str]:
    return sorted(set(PATH.findall((ROOT / page).read_text())))


@pytest.mark.parametrize(("page", "name"), [(page, name) for page in PAGES for name in named(page)])
def test_every_file_named_exists(page: str, name: str) -> None:
    path = ROOT / name
    assert path.is_dir() if name.endswith("/") else path.is_file()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_files(page: str) -> None:
    assert len(named(page)) > 5
