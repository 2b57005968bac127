"""The runbook has an entry for everything that the app can complain of, and its commands exist."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedback_app.cli import program
from feedback_app.health.notices_list import NOTICES
from feedback_app.web.health import REASONS

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
PARTS = ("Meaning", "First command", "Escalate")
FORM = re.compile(r"^### (\S+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ENTRIES = dict(FORM.findall(RUNBOOK.read_text()))


@pytest.mark.parametrize("name", [*NOTICES, *REASONS])
def test_every_notice_and_reason_has_its_entry_with_all_three_parts(name: str) -> None:
    assert name in ENTRIES, f"docs/runbook.md has no entry for {name}"
    parts = dict(re.findall(r"^- \*\*(.+?):\*\* (.+?)(?=^- |\Z)", ENTRIES[name], re.M | re.S))
    assert tuple(parts) == PARTS
    assert "`" in parts["First command"], "the first command is there to be typed"


def test_no_entry_is_of_something_that_no_longer_exists() -> None:
    assert sorted(ENTRIES) == sorted([*NOTICES, *REASONS])


def test_the_commands_and_options_it_names_exist() -> None:
    named = set(re.findall(r"`(feedback [^`]+)`", RUNBOOK.read_text()))
    assert named
    for line in named:
        _, *words = line.split()
        path = [word for word in words if re.fullmatch("[a-z-]+", word) and word[0] != "-"]
        found = CliRunner().invoke(program(), [*path, "--help"])
        assert found.exit_code == 0, line
        for option in (word for word in words if word.startswith("--")):
            assert option in found.output, line
