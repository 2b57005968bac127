"""The planted defects still fit the code that they edit."""

from pathlib import Path

import pytest

from benchmarks.prove_defects import DEFECTS, Defect

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_every_edit_applies_once_and_its_test_exists(defect: Defect) -> None:
    for edit in defect.edits:
        assert (ROOT / edit.file).read_text().count(edit.old) == 1, edit
    path, name = defect.test.split("::")[:2]
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()
