"""The wire format, compared with files: they show a change of a record's JSON.

`tests/golden/vN/` holds one file a record as version N wrote it; every later build reads them all.
To add a version, write its files with `python -m tests.unit.models.golden vN`.
"""

import json
from pathlib import Path

import pytest

from models import InvalidRecord, Wire
from tests.unit.models.golden import EXAMPLES, GOLDEN, LATEST

FILES = sorted(GOLDEN.glob("v*/*.json"))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_record_is_written_as_the_golden_file_has_it(name: str) -> None:
    written = json.loads((GOLDEN / LATEST / f"{name}.json").read_text())
    assert json.loads(EXAMPLES[name].encode()) == written
    assert list(json.loads(EXAMPLES[name].encode())) == list(written)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_released_version_is_read(file: Path) -> None:
    kind = type(EXAMPLES[file.stem])
    record = kind.decode(file.read_bytes())
    assert json.loads(record.encode()).items() >= json.loads(file.read_text()).items()


def test_every_record_has_a_golden_file() -> None:
    kinds = {kind.__name__ for kind in Wire.__subclasses__()}
    assert {type(example).__name__ for example in EXAMPLES.values()} == kinds
    assert {file.stem for file in FILES if file.parent.name == LATEST} == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_unknown_field_is_ignored(name: str) -> None:
    example = EXAMPLES[name]
    data = json.loads(example.encode()) | {"a_field_of_the_future": [1, {"x": None}]}
    assert type(example).decode(json.dumps(data).encode()).encode() == example.encode()


@pytest.mark.parametrize("version", [0, 2, 99, "1", None, True, 1.5])
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_unknown_version_is_refused(name: str, version: object) -> None:
    example = EXAMPLES[name]
    data = json.loads(example.encode()) | {"version": version}
    with pytest.raises(InvalidRecord, match="unknown version"):
        type(example).decode(json.dumps(data).encode())
