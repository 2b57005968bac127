"""The table of topics: names, partition counts, retention. Nothing else knows them.

To add a topic, add a field to `Topics`: one line.
"""

from dataclasses import dataclass, fields, replace

from feedback_app.settings import Settings

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Topic:
    """The required form of a topic; `compact` and `retention_ms` define its cleanup policy."""

    name: str
    partitions: int
    compact: bool = False
    retention_ms: int | None = None

    def config(self) -> dict[str, str]:
        """Return the topic's configuration on the broker."""
        policy = ["compact"] * self.compact + ["delete"] * (self.retention_ms is not None)
        config = {"cleanup.policy": ",".join(policy)}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


MANY = 0
"""Stands in the table for as many partitions as the settings ask for."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The nine topics, in the order of the flow; `of` gives them their prefix and partitions."""

    polls: Topic = Topic("polls", MANY, retention_ms=HOUR_MS)
    raw: Topic = Topic("raw", MANY, retention_ms=7 * DAY_MS)
    scored: Topic = Topic("scored", MANY, retention_ms=7 * DAY_MS)
    alerts: Topic = Topic("alerts", MANY, retention_ms=7 * DAY_MS)
    deliveries: Topic = Topic("deliveries", MANY, compact=True, retention_ms=45 * DAY_MS)
    actions: Topic = Topic("actions", 1, compact=True, retention_ms=365 * DAY_MS)
    cursors: Topic = Topic("cursors", 1, compact=True)
    stats: Topic = Topic("stats", 1, compact=True, retention_ms=31 * DAY_MS)
    dead_letters: Topic = Topic("dead-letters", 1, retention_ms=30 * DAY_MS)

    @classmethod
    def of(cls, settings: Settings) -> "Topics":
        """Return the topics of the settings: under their prefix, with their partition count."""
        return cls(
            *(
                replace(
                    topic,
                    name=f"{settings.topic_prefix}{topic.name}",
                    partitions=topic.partitions or settings.partitions,
                )
                for topic in cls().all()
            )
        )

    def all(self) -> tuple[Topic, ...]:
        """Return every topic, in the order of the flow."""
        return tuple(getattr(self, row.name) for row in fields(self))
