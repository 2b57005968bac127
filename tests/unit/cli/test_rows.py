"""Parsing rows of CSV and JSON lines as feedback."""

import csv
import io
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.cli.rows import Reader, Row
from feedback_app.settings import ConfigurationError

NOW = "2026-03-01T00:00:00.000Z"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


def read(path: Path, data: bytes, name: str) -> list[Row]:
    file = path / name
    file.write_bytes(data)
    return list(Reader(file, NOW).rows())


def test_each_bad_line_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    data = b'{"text": "good"}\n\nnot json\n{"text": 5}\n{"text": " "}\n[1]\n\xff\n{"text": "end"}'
    rows = read(tmp_path, data, "a.jsonl")
    assert [row.line for row in rows] == [1, 3, 4, 5, 6, 7, 8]
    good = [row for row in rows if row.feedback is not None]
    assert [row.feedback.text for row in good if row.feedback] == ["good", "end"]
    reasons = [row.reason or "" for row in rows if row.feedback is None]
    for reason, words in zip(
        reasons,
        ["not JSON", "not a string", "empty", "not a JSON object", "not UTF-8"],
        strict=True,
    ):
        assert words in reason


def test_a_row_keeps_its_own_fields(tmp_path: Path) -> None:
    line = (
        b'{"id": "a1", "text": "t", "author": "ann", "url": "https://example.org",'
        b'"created_at": "2026-01-01T00:00:00Z", "source": "survey", "unknown": 1}'
    )
    feedback = read(tmp_path, line, "a.jsonl")[0].feedback
    assert feedback is not None
    assert (feedback.id, feedback.author, feedback.source) == ("a1", "ann", "survey")
    assert feedback.created_at == "2026-01-01T00:00:00Z"
    assert feedback.received_at == NOW


def test_a_file_gets_the_same_ids_on_every_load_and_equal_rows_get_distinct_ones(
    tmp_path: Path,
) -> None:
    data = b'{"text": "same"}\n{"text": "same"}\n{"text": "other"}\n'
    ids = [row.feedback.id for row in read(tmp_path, data, "a.jsonl") if row.feedback]
    again = [row.feedback.id for row in read(tmp_path, data, "b.jsonl") if row.feedback]
    assert ids == again
    assert len(set(ids)) == 3
    assert all(id.startswith("file:") for id in ids)


def test_bad_cells_of_a_csv_are_reported_with_their_line(tmp_path: Path) -> None:
    data = (
        b"text,revision,created_at\n"
        b'"two\nlines",,\n'
        b"x,one,\n"
        b"x,1,yesterday\n"
        b"x,1,,more\n"
        b"\xff\xfe,,\n"
        b"fine,2,2026-01-01T00:00:00Z\n"
    )
    rows = read(tmp_path, data, "a.csv")
    assert [(row.line, row.feedback is not None) for row in rows] == [
        (2, True),
        (4, False),
        (5, False),
        (6, False),
        (7, False),
        (8, True),
    ]
    assert rows[0].feedback is not None
    assert rows[0].feedback.text == "two\nlines"


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    rows = read(tmp_path, b"\xef\xbb\xbftext\nhello\n", "a.csv")
    assert rows[0].feedback is not None


def test_a_csv_without_a_text_column_lists_its_columns(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no column `text`.*message, who"):
        read(tmp_path, b"message,who\nx,y\n", "a.csv")


def test_a_csv_with_an_invalid_header_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.csv: its first line is not CSV"):
        read(tmp_path, b'"abc"def,text\n1,2\n', "a.csv")


@settings(deadline=None)
@given(texts=st.lists(TEXTS, max_size=8))
def test_csv_and_json_lines_give_the_same_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["text"])
    # The CSV reader ends a line at a lone carriage return, even inside quotes.
    texts = [text.replace("\r", " ") for text in texts if text.replace("\r", " ").strip()]
    writer.writerows([text] for text in texts)
    lines = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
    from_csv = read(folder, table.getvalue().encode(), "a.csv")
    from_json = read(folder, lines, "a.jsonl")
    assert [row.feedback and row.feedback.text for row in from_csv] == texts
    assert [row.feedback and row.feedback.text for row in from_json] == texts
    assert from_json == [] or from_json[-1].position == len(lines)


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_rows_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.jsonl", "a.csv"):
        prefix = b"text,author\n" if name.endswith("csv") else b""
        for row in read(folder, prefix + data, name):
            assert (row.feedback is None) != (row.reason is None)
