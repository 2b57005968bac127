"""What runs beside the stages for the configured sources."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from feedback_app.hop.errors import TransientError
from feedback_app.hop.types import Row
from feedback_app.settings import ConfigurationError
from feedback_app.sources import registry
from feedback_app.sources.dependencies import Connections, ServiceContext
from feedback_app.sources.slack.index_loader import REFRESH_S, RETRY_S, MessageIndexLoader
from feedback_app.sources.slack.message_index import MessageIndex
from feedback_app.sources.testing import MemoryContext, SteppedClock, settings_of, until
from models import Feedback, ScoredFeedback

TOKENS = {"x_bearer_token": "x", "slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1"}
SEARCH = {"type": "x-search", "query": "kettle"}
STREAM = {"type": "x-stream", "query": "kettle"}
SLACK = {"type": "slack", "channel": "#feedback"}


class Scored:
    """The topic `scored`: its reads fail, and return, as the test says."""

    def __init__(self, *rows: Row) -> None:
        self.rows, self.failures, self.reads = list(rows), 0, 0

    async def read_to_high_watermark(
        self, topic: str, start: dict[int, int], hours: float | None, take: Callable[[Row], None]
    ) -> dict[int, int]:
        """Hand on what was not read yet."""
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise TransientError("kafka", "no broker")
        for row in self.rows[start[0] :]:
            take(row)
        return start | {0: len(self.rows)}


def scored(ts: str) -> Row:
    """Return the record of a scored message."""
    feedback = Feedback(id=f"slack:C1:{ts}", text="t", source="slack", revision=1)
    key = feedback.id.encode()
    return Row(0, 0, key, ScoredFeedback(feedback=feedback).encode(), 1_790_000_000.0)


def given(*rows: dict[str, Any], **more: Any) -> ServiceContext:
    """Return what services are made from, of sources with these tables."""
    tables = [{"id": f"s{number}"} | row for number, row in enumerate(rows)]
    context = MemoryContext(settings_of(*tables, **(TOKENS | more)))
    return ServiceContext(context, lambda: False, Scored(), Connections(lambda: 3))


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([], []),
        ([SEARCH, SEARCH], ["XCompliance"]),
        ([STREAM, SEARCH], ["XStream", "XCompliance"]),
        ([SLACK, SLACK], ["MessageIndexLoader", "_socket"]),
        ([SEARCH, STREAM, SLACK], ["XCompliance", "XStream", "MessageIndexLoader", "_socket"]),
    ],
)
async def test_each_service_is_made_once_a_worker(
    rows: list[dict[str, Any]], names: list[str]
) -> None:
    services = given(*rows)
    runs = registry.services(services.context.settings, services)
    made: Any = runs
    assert [run.__qualname__.partition(".")[0] for run in made] == names
    assert services.connections.total() == 3


@pytest.mark.parametrize(("row", "token"), [(SEARCH, "x_bearer_token"), (SLACK, "slack_app_token")])
def test_a_missing_token_stops_the_start(row: dict[str, Any], token: str) -> None:
    services = given(row, **{token: None})
    with pytest.raises(ConfigurationError, match=f"FEEDBACK_{token.upper()}"):
        registry.services(services.context.settings, services)


async def test_the_index_of_slack_is_loaded_with_retries_and_refreshed_by_the_leader() -> None:
    clock, topic, index = SteppedClock(), Scored(scored("1.0")), MessageIndex()
    context, leads = MemoryContext(settings_of(SLACK | {"id": "slack"}), clock), [False]
    loader = MessageIndexLoader(context, topic, index, lambda: leads[0])
    topic.failures = 2
    task = asyncio.create_task(loader.run())
    await asyncio.wait_for(loader.loaded.wait(), 10)
    assert clock.slept[:2] == [RETRY_S, RETRY_S]
    assert index.get("C1", "1.0") is not None
    await until(lambda: len(clock.slept) > 5)
    assert set(clock.slept[2:]) == {REFRESH_S}
    assert topic.reads == 3, "only the leader reads on"
    topic.rows.append(scored("2.0"))
    leads[0] = True
    await until(lambda: index.get("C1", "2.0"))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
