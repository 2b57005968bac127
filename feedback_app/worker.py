"""The Faust application of this process, for `faust -A feedback_app worker`."""

import asyncio
import atexit
import sys

from feedback_app.alerting.receivers.registry import missing_setting
from feedback_app.broker import BrokerUnavailable, find_or_start
from feedback_app.load_settings import load
from feedback_app.runtime.app import create_app
from feedback_app.settings import ConfigurationError, Settings


def with_broker(settings: Settings) -> Settings:
    """Return the settings with a Kafka address: the configured one, else that of a local broker.

    The local broker is for workers only; those of one machine share it, and it stops with the last.
    Raises ConfigurationError or BrokerUnavailable.
    """
    if "worker" not in sys.argv:
        return settings
    if missing := missing_setting(settings):
        raise ConfigurationError(missing)
    if settings.kafka_bootstrap:
        return settings
    # A loop of its own, because Faust creates the one that it runs on.
    loop = asyncio.new_event_loop()
    broker = loop.run_until_complete(find_or_start(settings.data_dir))

    def release() -> None:
        loop.run_until_complete(broker.close())
        loop.close()

    atexit.register(release)
    print(f"Kafka: {broker.bootstrap} (local, data in {settings.data_dir})", file=sys.stderr)
    return settings.model_copy(update={"kafka_bootstrap": broker.bootstrap})


try:
    app = create_app(with_broker(load()))
except (ConfigurationError, BrokerUnavailable) as error:
    print(f"Error: {error}", file=sys.stderr)
    raise SystemExit(2) from None
