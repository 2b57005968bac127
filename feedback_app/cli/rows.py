"""Parses the rows of a CSV or JSON-lines file as feedback."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from feedback_app.settings import ConfigurationError
from models import Feedback, InvalidRecord, from_rfc3339
from models.wire import load_object

SOURCE = "file"
FIELDS = ("id", "text", "source", "revision", "kind", "lang", "author", "url", "created_at")


class Row(NamedTuple):
    """A row: its first line, the bytes read so far, and its feedback or the reason it is bad."""

    line: int
    position: int
    feedback: Feedback | None
    reason: str | None


class Reader:
    """Reads a file of feedback; raises ConfigurationError for a file of another format."""

    def __init__(self, path: Path, received_at: str) -> None:
        self._path = path
        self._received_at = received_at
        self._seen: Counter[str] = Counter()

    def rows(self) -> Iterator[Row]:
        """Yield all rows in order, bad ones with a reason instead of feedback."""
        raw = self._csv() if self._path.suffix.lower() == ".csv" else self._json_lines()
        for line, position, data in raw:
            try:
                yield Row(line, position, self._feedback(data), None)
            except InvalidRecord as error:
                yield Row(line, position, None, str(error))

    def _feedback(self, data: dict[str, Any] | InvalidRecord) -> Feedback:
        if isinstance(data, InvalidRecord):
            raise data
        text = data.get("text")
        if isinstance(text, str) and not text.strip():
            raise InvalidRecord("the text is empty")
        given = {name: data[name] for name in FIELDS if data.get(name) is not None}
        if "created_at" in given:
            _check_time(given["created_at"])
        given.setdefault("source", SOURCE)
        given.setdefault("id", self._id(given))
        return Feedback.read(given | {"received_at": self._received_at})

    def _id(self, given: dict[str, Any]) -> str:
        """Return an id that is the same on every load, and distinct for each of equal rows."""
        row = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(row).hexdigest()[:32]
        self._seen[digest] += 1
        if self._seen[digest] == 1:
            return f"file:{digest}"
        return f"file:{hashlib.sha256(row + b'%d' % self._seen[digest]).hexdigest()[:32]}"

    def _json_lines(self) -> Iterator[tuple[int, int, dict[str, Any] | InvalidRecord]]:
        position = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                position += len(line)
                if not line.strip():
                    continue
                try:
                    yield number, position, load_object(line)
                except InvalidRecord as error:
                    yield number, position, error

    def _csv(self) -> Iterator[tuple[int, int, dict[str, Any] | InvalidRecord]]:
        with self._path.open("rb") as binary:
            counted = _CountingLines(binary)
            table = csv.DictReader(counted, strict=True)
            try:
                header = table.fieldnames or []
            except csv.Error as error:
                raise ConfigurationError(
                    f"{self._path}: its first line is not CSV: {error}"
                ) from None
            if "text" not in header:
                raise ConfigurationError(
                    f"{self._path} has no column `text` in its first line (it has: "
                    f"{', '.join(header) or 'nothing'})"
                )
            while True:
                line = table.line_num + 1
                try:
                    row = next(table)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield line, counted.position, InvalidRecord(f"not CSV: {error}")
                    continue
                yield line, counted.position, _typed(row)


class _CountingLines:
    """The lines of a file as text, and the bytes read; bytes that are not UTF-8 are escaped."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.position = 0

    def __iter__(self) -> "_CountingLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        text = line.decode("utf-8-sig" if self.position == 0 else "utf-8", "surrogateescape")
        self.position += len(line)
        return text


def _typed(row: dict[str, str | None]) -> dict[str, Any] | InvalidRecord:
    """Return the non-empty cells of a CSV row, the revision as an int."""
    if None in row:
        return InvalidRecord("more cells than columns")
    filled: dict[str, Any] = {name: cell for name, cell in row.items() if cell not in (None, "")}
    try:
        "".join(map(str, filled.values())).encode()
    except UnicodeEncodeError:
        return InvalidRecord("not UTF-8")
    if "revision" in filled:
        try:
            filled["revision"] = int(filled["revision"])
        except ValueError:
            return InvalidRecord(f"revision is not an integer: {filled['revision']!r}")
    return filled


def _check_time(value: object) -> None:
    try:
        from_rfc3339(str(value))
    except ValueError as error:
        raise InvalidRecord(f"created_at is not an RFC 3339 time: {error}") from None
