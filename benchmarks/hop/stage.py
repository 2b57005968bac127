"""The product's hop with a trivial handler: typed records in and out, accounts, everything on.

faust -A benchmarks.hop.stage worker -l info --without-web
"""

import os
from collections.abc import Sequence

import faust
from mode import Service

from feedback_app.clock import SystemClock
from feedback_app.factory import FETCH_RECORDS, broker_urls
from feedback_app.hop import Item, Output, Result
from feedback_app.hop.batch import BatchStage
from feedback_app.hop.registry import Hops
from feedback_app.hop.stage import Plan
from feedback_app.readback import ReadBack
from feedback_app.settings import load
from feedback_app.shared import SharedState
from feedback_app.topics import Topics
from models import Feedback, ScoredFeedback

TAKE = 500

settings = load()
topics = Topics.of(settings)
clock = SystemClock()
shared = SharedState(settings, topics)


class App(faust.App):
    """An app with the shared state beside Faust's own services."""

    def on_init_dependencies(self) -> list[Service]:
        """Return the services in the order of their start."""
        return [shared, *super().on_init_dependencies()]  # type: ignore[list-item]


app = App(
    settings.app_id,
    env_prefix="FEEDBACK_FAUST_",
    broker=broker_urls(settings.kafka_bootstrap or ""),
    broker_session_timeout=10.0,
    broker_request_timeout=20.0,
    broker_commit_interval=1.0,
    broker_max_poll_records=FETCH_RECORDS,
    producer_max_batch_size=256 * 1024,
    table_standby_replicas=0,
    store="memory://",
    datadir=os.environ["BENCH_DIR"],
)
hops = Hops(
    app,
    stats_topic=topics.stats.name,
    dead_letters_topic=topics.dead_letters.name,
    ledger=shared,
    read_to_end=ReadBack(settings, clock).to_end,
    clock=clock,
)


async def score(items: Sequence[Item[Feedback]]) -> list[Result]:
    """Give every record the same score: the work that the comparison names."""
    target = topics.scored.name
    return [
        Result(
            [
                Output(
                    target,
                    item.key,
                    ScoredFeedback.build(
                        {
                            "feedback": item.value,
                            "score": 0.5,
                            "partition": item.partition,
                            "offset": item.offset,
                        }
                    ).encode(),
                    item.partition,
                )
            ],
            [(item.value.source, "scored")],
        )
        for item in items
    ]


plan = Plan(
    "bench", topics.raw.name, Feedback.decode, lambda feedback: feedback.source, taken="ingested"
)
hops.add(lambda links: BatchStage(plan, links, score, take=TAKE, seen=hops.seen))
