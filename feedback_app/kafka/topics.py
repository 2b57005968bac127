"""The topics: names, partitions, retention. The table is the only place that knows them."""

from dataclasses import dataclass

from feedback_app.settings import Settings

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must exist; `compact` and `retention_ms` make its cleanup policy."""

    name: str
    partitions: int
    compact: bool = False
    retention_ms: int | None = None

    def config(self) -> dict[str, str]:
        """Return the topic configuration for the broker."""
        policy = ["compact"] * self.compact + ["delete"] * (self.retention_ms is not None)
        found = {"cleanup.policy": ",".join(policy)}
        if self.retention_ms is not None:
            found["retention.ms"] = str(self.retention_ms)
        return found


@dataclass(frozen=True, slots=True)
class Topics:
    """The nine topics of a prefix, by what they hold."""

    polls: Topic
    raw: Topic
    scored: Topic
    alerts: Topic
    deliveries: Topic
    actions: Topic
    cursors: Topic
    stats: Topic
    dead_letters: Topic

    @classmethod
    def of(cls, settings: Settings) -> "Topics":
        """Return the topics that the settings ask for."""
        prefix, many = settings.topic_prefix, settings.partitions
        return cls(
            polls=Topic(f"{prefix}polls", many, retention_ms=HOUR_MS),
            raw=Topic(f"{prefix}raw", many, retention_ms=7 * DAY_MS),
            scored=Topic(f"{prefix}scored", many, retention_ms=7 * DAY_MS),
            alerts=Topic(f"{prefix}alerts", many, retention_ms=7 * DAY_MS),
            deliveries=Topic(f"{prefix}deliveries", many, compact=True, retention_ms=45 * DAY_MS),
            actions=Topic(f"{prefix}actions", 1, compact=True, retention_ms=365 * DAY_MS),
            cursors=Topic(f"{prefix}cursors", 1, compact=True),
            stats=Topic(f"{prefix}stats", 1, compact=True, retention_ms=31 * DAY_MS),
            dead_letters=Topic(f"{prefix}dead-letters", 1, retention_ms=30 * DAY_MS),
        )

    def all(self) -> tuple[Topic, ...]:
        """Return every topic, in the order of the flow."""
        return (
            self.polls,
            self.raw,
            self.scored,
            self.alerts,
            self.deliveries,
            self.actions,
            self.cursors,
            self.stats,
            self.dead_letters,
        )
