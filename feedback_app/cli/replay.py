"""`feedback replay`: shows what would have alerted, from the retained scored records."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.receivers.registry import channel_problem
from feedback_app.alerting.rules import ResolvedRule, operations, resolve
from feedback_app.cli.common import (
    Command,
    print_json,
    print_table,
    progress,
    run,
    settings_with_topics,
)
from feedback_app.cli.scan import Time, scan
from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.kafka.clients import DEPENDENCY, producer
from feedback_app.kafka.topics import Topics
from feedback_app.settings import ConfigurationError, Rule, Settings
from models import Alert, InvalidRecord, ScoredFeedback
from models.alert import PUT

SHOWN = 50
"""Alerts in the table; JSON lists all of them."""
EXAMPLE = (
    "\b\nExample:\n"
    "  feedback replay --from 6h\n"
    "  feedback replay --from 2026-03-01T08:00:00Z --to 2026-03-02T08:00:00Z --rules new.toml"
)


class Replayed:
    """The alerts that remain after the records that were applied."""

    def __init__(self, rules: Sequence[ResolvedRule]) -> None:
        self.read = 0
        self.unreadable = 0
        self._rules = rules
        self._alerts: dict[str, Alert] = {}
        self._deleted: set[str] = set()

    @property
    def alerts(self) -> list[Alert]:
        """The alerts by the time of their feedback, without those on deleted feedback."""
        remaining = (one for one in self._alerts.values() if one.feedback_id not in self._deleted)
        return sorted(remaining, key=lambda alert: alert.created_at or "")

    def apply(self, rows: Sequence[Row]) -> None:
        """Apply records of `scored`; a later revision or a deletion can withdraw an alert."""
        for row in rows:
            self.read += 1
            try:
                scored = ScoredFeedback.decode(row.value)
            except InvalidRecord:
                self.unreadable += 1
                continue
            for alert in operations(scored, self._rules, row.timestamp):
                if alert.op == PUT:
                    self._alerts[alert.id] = alert
                else:
                    self._alerts.pop(alert.id, None)
            if scored.feedback.kind == "delete":
                self._deleted.add(scored.feedback.id)

    def apply_deletions(self, rows: Sequence[Row]) -> None:
        """Apply only deletions: a deleted text is never shown, however late it was deleted."""
        for row in rows:
            try:
                feedback = ScoredFeedback.decode(row.value).feedback
            except InvalidRecord:
                continue
            if feedback.kind == "delete":
                self._deleted.add(feedback.id)


@click.command(cls=Command, epilog=EXAMPLE)
@click.option("--from", "since", type=Time(), required=True, help="Start: a time, or how long ago.")
@click.option("--to", "until", type=Time(), help="End: a time, or how long ago; default: now.")
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file with [[rules]] to use instead of the configured ones.",
)
@click.option("--dry-run", is_flag=True, help="Only show the alerts, which is the default.")
@click.option(
    "--post",
    is_flag=True,
    help="Send the alerts, of configured rules only; one that was posted is not repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def replay(
    since: float,
    until: float | None,
    rules_file: Path | None,
    dry_run: bool,
    post: bool,
    as_json: bool,
) -> None:
    """Show what would have alerted; nothing is posted without --post.

    Reads the topic of scored feedback again, without a consumer group, so workers are not affected.
    """
    if post and dry_run:
        raise click.UsageError("--post and --dry-run contradict each other")
    if until is not None and until <= since:
        raise click.UsageError("--to is not after --from")
    settings = settings_with_topics()
    rules = settings.rules if rules_file is None else read_rules(rules_file)
    known = {(rule.id, rule.channel) for rule in settings.rules}
    if post and (other := [rule for rule in rules if (rule.id, rule.channel) not in known]):
        raise click.UsageError(
            f"--post: no worker has the rule {other[0].id} for {other[0].channel}, so none would "
            "withdraw its alerts when a message is edited or deleted: add it to the file that "
            "FEEDBACK_CONFIG names, and restart the workers first"
        )
    replayed = run(_replay(settings, rules, since, until, post))
    counts = Counter(alert.rule for alert in replayed.alerts)
    by_rule = {rule.id: counts[rule.id] for rule in rules}
    if as_json:
        print_json(
            {
                "read": replayed.read,
                "unreadable": replayed.unreadable,
                "posted": post,
                "counts": by_rule,
                "alerts": [_as_dict(alert) for alert in replayed.alerts],
            }
        )
        return
    _show(replayed, by_rule)
    click.echo("Sent to the alerts topic." if post else "Nothing was posted.")


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a TOML file; raises ConfigurationError."""
    try:
        given = tomllib.loads(path.read_text()).get("rules", [])
        if not isinstance(given, list):
            raise ConfigurationError(f"{path}: rules is not a list of tables: write [[rules]]")
        rules = tuple(Rule.model_validate(rule) for rule in given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: rules.{where}: {first['msg']}") from None
    if not rules:
        raise ConfigurationError(f"{path} has no [[rules]]")
    for number, rule in enumerate(rules):
        if problem := channel_problem(rule.channel):
            raise ConfigurationError(f"{path}: rules.{number}.channel: {problem}")
        if sum(rule.id == other.id for other in rules) > 1:
            raise ConfigurationError(f"{path}: two rules have the id {rule.id}: rename one")
    return rules


async def _replay(
    settings: Settings, rules: Sequence[Rule], since: float, until: float | None, post: bool
) -> Replayed:
    ids = {rule.channel: rule.channel for rule in rules}
    if post:
        ids = await _channel_ids(settings, rules)
    resolved = resolve(rules, ids, settings.partitions)
    replayed = Replayed(resolved)
    topics = Topics.of(settings)
    with progress("records") as bar:
        task = bar.add_task("replaying", total=None)

        def apply(rows: list[Row]) -> None:
            replayed.apply(rows)
            bar.advance(task, len(rows))

        await scan(
            settings,
            topics.scored.name,
            since,
            until,
            apply,
            lambda total: bar.update(task, total=total),
        )
        if until is not None:
            await scan(settings, topics.scored.name, until, None, replayed.apply_deletions)
    if post:
        partitions = {rule.id: rule.partition for rule in resolved}
        await _send(settings, topics.alerts.name, replayed.alerts, partitions)
    return replayed


async def _channel_ids(settings: Settings, rules: Sequence[Rule]) -> dict[str, str]:
    receivers = Receivers(settings)
    try:
        found = await receivers.verify({rule.channel for rule in rules})
    finally:
        await receivers.close()
    for rule in rules:
        if rule.channel in found.unknown:
            raise ConfigurationError(f"rule {rule.id}: {found.unknown[rule.channel]}")
    return found.ids


async def _send(
    settings: Settings, topic: str, alerts: Sequence[Alert], partitions: Mapping[str, int | None]
) -> None:
    """Send alerts to the partitions of their rules, whose outbox deduplicates them."""
    async with producer(settings) as client:
        try:
            futures = [
                await client.send(
                    topic, alert.encode(), alert.channel.encode(), partition=partitions[alert.rule]
                )
                for alert in alerts
            ]
            for future in futures:
                await future
        except (KafkaError, TimeoutError) as error:
            raise TransientError(DEPENDENCY, f"cannot write to {topic}: {error}") from error


def _show(replayed: Replayed, by_rule: dict[str, int]) -> None:
    alerts = replayed.alerts
    if alerts:
        print_table(
            ("rule", "score", "source", "author", "text"),
            (
                (alert.rule, f"{alert.score:.3f}", alert.source, alert.author, alert.text[:100])
                for alert in alerts[-SHOWN:]
            ),
            title=f"The last {SHOWN} of {len(alerts)} alerts" if len(alerts) > SHOWN else "",
        )
    print_table(("rule", "alerts"), by_rule.items())
    unreadable = f" ({replayed.unreadable} of them unreadable)" if replayed.unreadable else ""
    click.echo(f"Read {replayed.read} records{unreadable}, found {len(alerts)} alerts.")


def _as_dict(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "channel": alert.channel,
        "feedback_id": alert.feedback_id,
        "score": alert.score,
        "source": alert.source,
        "author": alert.author,
        "text": alert.text,
        "created_at": alert.created_at,
    }
