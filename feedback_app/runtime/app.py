"""The Faust application and its worker, built from the settings."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

import faust
from faust.worker import Worker as FaustWorker
from mode import ServiceT

from feedback_app.clock import Clock, SystemClock
from feedback_app.hop.recovery import UnboundedRecoveryTables
from feedback_app.kafka.clients import ssl_context
from feedback_app.runtime.pipeline import Pipeline, build
from feedback_app.sentiment.classifier import ModelError
from feedback_app.settings import ConfigurationError, Settings

BATCH_BYTES = 256 * 1024
FETCH_RECORDS = 500
STOP_WITHIN_S = 15.0
"""How long a worker may take to stop; it takes two seconds if nothing is wrong."""

log = logging.getLogger(__name__)


def end_by_force() -> None:
    """Exit at once; unfinished records are read again, as after a crash."""
    log.error("not stopped after %.0f s, is Kafka down? Exiting by force.", STOP_WITHIN_S)
    logging.shutdown()
    # Not 0: the stop may have been the result of a crash.
    os._exit(1)


class FeedbackWorker(FaustWorker):
    """Faust's worker without its spinner, which would set the root logger to DEBUG."""

    def _setup_spinner_handler(self, logger: logging.Logger, level: int) -> None:
        self.spinner = None

    async def start(self) -> None:
        """Start the app; for a wrong configuration the process prints one line and exits with 2."""
        try:
            await super().start()
        except (ConfigurationError, ModelError) as error:
            print(f"Error: {error}", file=sys.stderr, flush=True)
            logging.shutdown()
            # Nothing was read or sent yet. Raised, mode would print a traceback.
            os._exit(2)

    async def stop(self) -> None:
        """Stop, by force if need be: commits and sends wait for ever while Kafka is down."""
        limit = threading.Timer(STOP_WITHIN_S, end_by_force)
        limit.daemon = True
        limit.start()
        await super().stop()


class FeedbackApp(faust.App):
    """The application: Faust's services, with the pipeline's before and after them."""

    pipeline: Pipeline

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Return all services in the order of their start."""
        return [
            *self.pipeline.before,
            *super().on_init_dependencies(),
            *self.pipeline.after,
        ]

    async def on_stop(self) -> None:
        """Drain what is in flight and leave the group before anything slow is closed."""
        await super().on_stop()
        if self._consumer is not None:
            await self.pipeline.registry.consumer.leave()

    async def on_shutdown(self) -> None:
        """Close what the pipeline holds open besides its services."""
        await super().on_shutdown()
        await self.pipeline.close()

    async def on_first_start(self) -> None:
        """Create no directories: no state is kept on this machine."""


def create_app(settings: Settings, clock: Clock | None = None) -> FeedbackApp:
    """Return the application; starts and connects nothing."""
    app = FeedbackApp(
        settings.app_id,
        env_prefix="FEEDBACK_FAUST_",
        autodiscover=False,
        broker=broker_urls(settings.kafka_bootstrap or "127.0.0.1:9092"),
        broker_credentials=credentials(settings),
        broker_session_timeout=settings.session_timeout.total_seconds(),
        # Also the time in which a worker learns that another has left.
        broker_heartbeat_interval=min(0.5, settings.session_timeout.total_seconds() / 3.4),
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(20.0, settings.session_timeout.total_seconds() + 1),
        broker_commit_interval=settings.commit_interval.total_seconds(),
        broker_max_poll_records=FETCH_RECORDS,
        consumer_auto_offset_reset="earliest",
        producer_max_batch_size=BATCH_BYTES,
        producer_request_timeout=30.0,
        producer_acks=-1,
        stream_wait_empty=True,
        table_standby_replicas=0,
        topic_replication_factor=settings.replication or 1,
        store="memory://",
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port,
        Worker=FeedbackWorker,
        TableManager=UnboundedRecoveryTables,
        worker_redirect_stdouts=False,
    )
    app.pipeline = build(app, settings, clock or SystemClock(), worker_id())
    return app


def broker_urls(bootstrap: str) -> list[str]:
    """Return the broker URLs for Faust of a bootstrap address."""
    return [f"kafka://{host.strip()}" for host in bootstrap.split(",")]


def credentials(settings: Settings) -> Any:
    """Return the credentials for Faust, or None for plain text."""
    tls = ssl_context(settings) if settings.kafka_security.endswith("SSL") else None
    if settings.kafka_security.startswith("SASL"):
        password = settings.kafka_sasl_password
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=None if password is None else password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=tls,
        )
    return faust.SSLCredentials(context=tls) if tls is not None else None


def worker_id() -> str:
    """Return a unique name for this process."""
    return f"{socket.gethostname()}-{os.getpid()}-{int.from_bytes(os.urandom(3)):06x}"
