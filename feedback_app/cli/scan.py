"""A time span of a topic, read without a group, so that it disturbs no worker."""

import time
from collections.abc import Callable
from contextlib import suppress

import click

from feedback_app.clock import SystemClock
from feedback_app.durations import seconds_of
from feedback_app.hop.types import Row
from feedback_app.kafka.reader import TopicReader
from feedback_app.settings import Settings
from models import from_rfc3339


class Time(click.ParamType):
    """An option's time in Unix seconds: RFC 3339, or how long ago (`90m`, `6h`, `2d`)."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the time; fails with what is expected."""
        if isinstance(value, float):
            return value
        text = str(value)
        # Kafka takes no time before 1970, and there is no older record.
        if text.endswith(("s", "m", "h", "d")):  # a number alone is no time
            with suppress(ValueError):
                now = time.time()
                return now - min(now, seconds_of(text))
        try:
            return max(0.0, from_rfc3339(text))
        except ValueError as error:
            self.fail(
                f"{error}: write 2026-03-01T08:00:00Z, or how long ago, such as 6h or 2d",
                param,
                ctx,
            )


async def scan(
    settings: Settings,
    topic: str,
    since: float | None,
    until: float | None,
    apply: Callable[[list[Row]], object],
    started: Callable[[int], object] = lambda total: None,
) -> None:
    """Apply the records of a partitioned topic between two times; raises TransientError.

    See `TopicReader.read_between`.
    """
    reader = TopicReader(settings, SystemClock())
    await reader.read_between(topic, range(settings.partitions), since, until, apply, started)
