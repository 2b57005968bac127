"""`feedback score`: scores texts with the pipeline's classifier, without Kafka or Slack."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from feedback_app.cli.common import CannotStart, CheckFailed, Command, OutputFile, progress
from feedback_app.cli.retries import score_with_retries
from feedback_app.load_settings import load
from feedback_app.sentiment.classifier import (
    Classifier,
    ClassifierUnavailable,
    ModelError,
    Probabilities,
    TextsRefused,
)
from feedback_app.sentiment.model_choice import load_classifier
from feedback_app.sentiment.quality import Quality, class_index
from feedback_app.settings import Settings

DIGITS = 6
"""Decimal places of a score, as in the pipeline's records."""

_CHUNK = 2048


class BadLine(NamedTuple):
    """A line that cannot be scored, and why."""

    number: int
    reason: str


class GoodLine(NamedTuple):
    """A line with a text."""

    number: int
    value: dict[str, Any]


def read_line(number: int, line: bytes) -> GoodLine | BadLine:
    """Parse one line of JSON."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadLine(number, f"not JSON: {error}")
    if not isinstance(value, dict):
        return BadLine(number, "not a JSON object")
    if not isinstance(value.get("text"), str):
        return BadLine(number, 'no "text" that is a string')
    return GoodLine(number, value)


def verdict(found: Probabilities) -> dict[str, Any]:
    """Return the fields that scoring adds to a line."""
    return {
        "score": round(found.score, DIGITS),
        "label": found.label,
        "probabilities": {name: round(p, DIGITS) for name, p in found._asdict().items()},
    }


def score_lines(
    classifier: Classifier, lines: Iterable[tuple[int, bytes]], quality: Quality
) -> Iterator[list[GoodLine | BadLine]]:
    """Yield the lines in chunks and in input order, with a verdict added to each good one.

    Lines that have a label are added to `quality`.
    """
    numbered = iter(lines)
    while chunk := [read_line(*line) for line in islice(numbered, _CHUNK)]:
        good = [line for line in chunk if isinstance(line, GoodLine)]
        refused: dict[int, str] = {}
        results: Sequence[Probabilities | None]
        try:
            results = score_with_retries(classifier, [line.value["text"] for line in good])
        except TextsRefused as error:
            results = error.results
            refused = {good[i].number: reason for i, reason in error.reasons.items()}
        for line, found in zip(good, results, strict=True):
            if found is not None:
                # A line that already has a score carries our label, not a person's.
                true = None if "score" in line.value else class_index(line.value.get("label"))
                if true is not None:
                    quality.add(true, found)
                line.value.update(verdict(found))
        yield [
            BadLine(line.number, refused[line.number]) if line.number in refused else line
            for line in chunk
        ]


def dump(value: object) -> bytes:
    """Return a value as one line of JSON; a lone surrogate, invalid in UTF-8, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value).encode() + b"\n"


@click.command(cls=Command)
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--text", help="One text to score instead of a file.")
@click.option(
    "--output",
    type=OutputFile(),
    help="File for the scored lines; default: stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="With --text, print JSON.")
def score(file: Path | None, text: str | None, output: Path | None, as_json: bool) -> None:
    """Score the {"text": …} lines of FILE, or one text, with the model that FEEDBACK_MODEL names.

    Adds "score" (0 negative to 1 positive), "label" and "probabilities" to each line. Texts in any
    language are scored. Lines that cannot be scored are reported on stderr and skipped; the exit
    status is then 1. If lines have a "label" (a name, or 0 to 2), the accuracy, macro recall and
    calibration error (15 bins) on them are printed to stderr.

    \b
    Example:
      feedback score --text "Love the new search"
      feedback score tweets.jsonl --output scored.jsonl
    """
    if (file is None) == (text is None):
        raise click.UsageError("give either FILE.jsonl or --text, for example --text 'Well done'")
    if text is not None and output is not None:
        raise click.UsageError("--output goes with FILE.jsonl")
    if file is not None and as_json:
        raise click.UsageError(
            "--json goes with --text; the output for a file is always JSON lines"
        )
    classifier = _load(load())
    try:
        if text is not None:
            _score_text(classifier, text, as_json)
        elif file is not None and _score_file(classifier, file, output):
            raise SystemExit(1)
    except ClassifierUnavailable as error:
        raise CheckFailed(str(error)) from None
    finally:
        classifier.close()


def _load(settings: Settings) -> Classifier:
    try:
        return load_classifier(settings)
    except ModelError as error:
        raise CannotStart(str(error)) from None


def _score_text(classifier: Classifier, text: str, as_json: bool) -> None:
    try:
        found = score_with_retries(classifier, [text])[0]
    except TextsRefused as error:
        raise CheckFailed(error.reasons[0]) from None
    if as_json:
        click.echo(dump({"text": text, **verdict(found)}), nl=False)
        return
    shares = ", ".join(f"{name} {p:.3f}" for name, p in found._asdict().items())
    click.echo(f"{found.score:.3f} {found.label} ({shares})")


def _score_file(classifier: Classifier, file: Path, output: Path | None) -> int:
    """Score a file and return how many of its lines could not be scored."""
    bad, quality = 0, Quality()
    with file.open("rb") as counted:
        total = sum(1 for line in counted if line.strip())
    with ExitStack() as stack:
        source = stack.enter_context(file.open("rb"))
        # Write to a temporary file: the output may be the input, and must never be incomplete.
        part = output and output.with_name(f"{output.name}.part")
        sink: BinaryIO = (
            stack.enter_context(part.open("wb")) if part else click.get_binary_stream("stdout")
        )
        bar = stack.enter_context(progress("texts"))
        task = bar.add_task("scoring", total=total)
        lines = ((number, line) for number, line in enumerate(source, 1) if line.strip())
        for chunk in score_lines(classifier, lines, quality):
            for line in chunk:
                if isinstance(line, BadLine):
                    bad += 1
                    click.echo(f"{file}: line {line.number}: {line.reason}", err=True)
                else:
                    sink.write(dump(line.value))
            bar.advance(task, len(chunk))
        sink.flush()
    if part and output:
        os.replace(part, output)
    if quality.texts:
        click.echo(
            f"{quality.texts} labelled texts: accuracy {quality.accuracy:.4f}, macro recall "
            f"{quality.macro_recall:.4f}, calibration error {quality.calibration_error:.4f}",
            err=True,
        )
    if bad:
        click.echo(f"{bad} of {total} lines could not be scored", err=True)
    return bad
