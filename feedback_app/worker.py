"""The Faust application of this process: `faust -A feedback_app worker` finds it here."""

import asyncio
import atexit
import sys

from feedback_app.broker import BrokerUnavailable, find_or_start
from feedback_app.configuration import load
from feedback_app.runtime.app import create_app
from feedback_app.settings import ConfigurationError, Settings


def ready_to_work(settings: Settings) -> Settings:
    """Return the settings with a Kafka address: the configured one, else the local broker's.

    The local broker is for a worker only, is shared by all of a machine, and ends with the last.
    """
    if "worker" not in sys.argv:
        return settings
    if settings.slack_bot_token is None:
        raise ConfigurationError(
            "FEEDBACK_SLACK_BOT_TOKEN is not set, so alerts have nowhere to go: set it to the bot "
            "token (xoxb-…), or see everything at work with `feedback demo`"
        )
    if settings.kafka_bootstrap:
        return settings
    # A loop of its own: Faust makes the one that it runs on.
    loop = asyncio.new_event_loop()
    broker = loop.run_until_complete(find_or_start(settings.data_dir))

    def leave() -> None:
        loop.run_until_complete(broker.close())
        loop.close()

    atexit.register(leave)
    print(f"Kafka: {broker.bootstrap} (local, data in {settings.data_dir})", file=sys.stderr)
    return settings.model_copy(update={"kafka_bootstrap": broker.bootstrap})


try:
    app = create_app(ready_to_work(load()))
except (ConfigurationError, BrokerUnavailable) as error:
    print(f"Error: {error}", file=sys.stderr)
    raise SystemExit(2) from None
