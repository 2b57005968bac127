"""The Faust app of the measured hop: settings, shared state and stage runner of the product."""

import os

import faust
from mode import Service

from feedback_app.clock import SystemClock
from feedback_app.hop.registry import StageRegistry
from feedback_app.kafka.reader import TopicReader
from feedback_app.kafka.topics import Topics
from feedback_app.load_settings import load
from feedback_app.runtime.app import FETCH_RECORDS, broker_urls
from feedback_app.runtime.shared_state import SharedState

MAX_BATCH = 500

settings = load()
topics = Topics.of(settings)
clock = SystemClock()
shared = SharedState(settings, topics, clock)


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
registry = StageRegistry(
    app,
    stats_topic=topics.stats.name,
    dead_letters_topic=topics.dead_letters.name,
    accounts=shared,
    read_to_high_watermark=TopicReader(settings, clock).read_to_high_watermark,
    clock=clock,
)
