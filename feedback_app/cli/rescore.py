"""`feedback rescore`: shows how another model would score the retained messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click

from feedback_app.alerting.rules import ResolvedRule, matches, resolve
from feedback_app.cli.common import (
    Command,
    print_json,
    print_table,
    progress,
    run,
    settings_with_topics,
)
from feedback_app.cli.retries import score_with_retries
from feedback_app.cli.scan import Time, scan
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.topics import Topics
from feedback_app.sentiment.classifier import (
    Classifier,
    ClassifierUnavailable,
    ModelError,
    Probabilities,
    TextsRefused,
)
from feedback_app.sentiment.tagging import tagged_text
from feedback_app.settings import ConfigurationError, Settings
from models import Feedback, InvalidRecord, ScoredFeedback

BATCH = 512
SHOWN = 20
"""Texts shown: those whose scores change most."""
EXAMPLE = "\b\nExample:\n  feedback rescore --model ./new-model --from 2d"


class Verdict(NamedTuple):
    """The result for a feedback's newest revision on the topic `scored`."""

    revision: int
    deleted: bool
    score: float | None
    label: str | None


class Change(NamedTuple):
    """One text with its old and its new score."""

    text: str
    before: float
    after: float
    label_before: str | None
    label_after: str


@dataclass
class Changes:
    """The differences between two models over many texts."""

    rules: Sequence[ResolvedRule]
    texts: int = 0
    refused: int = 0
    labels: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    alerts: dict[str, Counter[str]] = field(default_factory=dict)
    most: list[Change] = field(default_factory=list)

    def add(self, change: Change, feedback: Feedback) -> None:
        """Count one text."""
        self.texts += 1
        self.labels[change.label_before, change.label_after] += 1
        for rule in (one.rule for one in self.rules):
            before = matches(rule, feedback, change.before)
            after = matches(rule, feedback, change.after)
            counts = self.alerts.setdefault(rule.id, Counter())
            counts.update({"before": before, "after": after})
            counts.update({"new": after and not before, "gone": before and not after})
        self.most.append(change)
        if len(self.most) > 20 * SHOWN:
            self._trim()

    def top(self) -> list[Change]:
        """Return the texts whose scores change most."""
        self._trim()
        return self.most

    def _trim(self) -> None:
        self.most.sort(key=lambda change: -abs(change.after - change.before))
        del self.most[SHOWN:]


@click.command(cls=Command, epilog=EXAMPLE)
@click.option("--model", help="A directory or hub name; default: FEEDBACK_MODEL.")
@click.option(
    "--from", "since", type=Time(), help="Start: a time, or how long ago; default: everything."
)
@click.option("--to", "until", type=Time(), help="End: a time, or how long ago; default: now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def rescore(model: str | None, since: float | None, until: float | None, as_json: bool) -> None:
    """Run a model over the retained messages and show what would change; write nothing."""
    settings = settings_with_topics()
    try:
        changes = run(_rescore(settings, model or settings.model, since, until))
    except ModelError as error:
        raise ConfigurationError(str(error)) from None
    if as_json:
        print_json(_as_dict(changes))
    else:
        _show(changes)


async def _rescore(
    settings: Settings, model: str | None, since: float | None, until: float | None
) -> Changes:
    # Imports torch, which `--help` does not need.
    from feedback_app.sentiment.model_choice import load_classifier

    names = {rule.channel: rule.channel for rule in settings.rules}
    changes = Changes(resolve(settings.rules, names, settings.partitions))
    topics = Topics.of(settings)
    verdicts: dict[str, Verdict] = {}
    await scan(
        settings, topics.scored.name, since, None, lambda rows: _add_verdicts(rows, verdicts)
    )
    messages: dict[str, Feedback] = {}
    await scan(
        settings,
        topics.raw.name,
        since,
        until,
        lambda rows: _add_messages(rows, verdicts, messages),
    )
    feedbacks = list(messages.values())
    classifier = load_classifier(settings.model_copy(update={"model": model}))
    try:
        with progress("texts") as bar:
            task = bar.add_task("scoring", total=len(feedbacks))
            for start in range(0, len(feedbacks), BATCH):
                batch = feedbacks[start : start + BATCH]
                scores = scores_of(classifier, [tagged_text(feedback) for feedback in batch])
                for feedback, found in zip(batch, scores, strict=True):
                    if found is None:
                        changes.refused += 1
                        continue
                    changes.add(_change(feedback, verdicts[feedback.id], found), feedback)
                bar.advance(task, len(batch))
    finally:
        classifier.close()
    return changes


def scores_of(classifier: Classifier, texts: Sequence[str]) -> Sequence[Probabilities | None]:
    """Return one result per text, None for a text that the service rejects permanently.

    Raises TransientError if the service cannot be reached.
    """
    try:
        return score_with_retries(classifier, texts)
    except TextsRefused as error:
        return error.results
    except ClassifierUnavailable as error:
        raise TransientError("model", str(error)) from None


def _add_verdicts(rows: Sequence[Row], verdicts: dict[str, Verdict]) -> None:
    for row in rows:
        try:
            scored = ScoredFeedback.decode(row.value)
        except InvalidRecord:
            continue
        feedback = scored.feedback
        deleted = feedback.kind == "delete"
        known = verdicts.get(feedback.id)
        if known is None or deleted or feedback.revision >= known.revision:
            gone = deleted or (known is not None and known.deleted)
            verdicts[feedback.id] = Verdict(feedback.revision, gone, scored.score, scored.label)


def _add_messages(
    rows: Sequence[Row], verdicts: dict[str, Verdict], messages: dict[str, Feedback]
) -> None:
    """Add the messages whose newest revision has a score to compare with."""
    for row in rows:
        try:
            feedback = Feedback.decode(row.value, row.key)
        except InvalidRecord:
            continue
        verdict = verdicts.get(feedback.id)
        if verdict is None or verdict.deleted or verdict.score is None:
            continue
        if verdict.revision == feedback.revision:
            messages[feedback.id] = feedback


def _change(feedback: Feedback, verdict: Verdict, found: Probabilities) -> Change:
    before = 0.0 if verdict.score is None else verdict.score
    return Change(feedback.text, before, found.score, verdict.label, found.label)


def _show(changes: Changes) -> None:
    moved = [change for change in changes.top() if change.after != change.before]
    if moved:
        print_table(
            ("before", "after", "text"),
            ((f"{c.before:.3f}", f"{c.after:.3f}", c.text[:120]) for c in moved),
            title="The texts whose scores change most",
        )
    print_table(
        ("rule", "alerts before", "after", "new", "gone"),
        ((id, n["before"], n["after"], n["new"], n["gone"]) for id, n in changes.alerts.items()),
    )
    other = sum(n for (before, after), n in changes.labels.items() if before != after)
    refused = f", {changes.refused} were refused by the model" if changes.refused else ""
    click.echo(f"Scored {changes.texts} texts: {other} would have another label{refused}.")


def _as_dict(changes: Changes) -> dict[str, Any]:
    return {
        "texts": changes.texts,
        "refused": changes.refused,
        "labels": [
            {"before": before, "after": after, "texts": n}
            for (before, after), n in sorted(changes.labels.items(), key=str)
        ],
        "alerts": {rule: dict(counts) for rule, counts in changes.alerts.items()},
        "most": [change._asdict() for change in changes.top()],
    }
