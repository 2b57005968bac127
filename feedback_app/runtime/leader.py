"""The leader's timer: writes a request to `polls` for each source that is due."""

import logging

from feedback_app.hop import Output, Produce, TransientError
from feedback_app.kafka.topics import Topic
from feedback_app.runtime.shared_state import SharedState
from feedback_app.sources.schedule import Timer

log = logging.getLogger(__name__)


async def request_polls(timer: Timer, topic: Topic, produce: Produce, shared: SharedState) -> None:
    """Write the requests that are due; called every second.

    Never raises: an exception here would stop the Faust app.
    """
    try:
        # A new leader must know the last polls of its predecessor and which sources are paused.
        await shared.caught_up()
        due = timer.tick()
        if due:
            await produce([Output(topic.name, one.source.encode(), one.encode()) for one in due])
    except TransientError as error:
        log.warning("no polls were requested: %s", error)
    except Exception:
        log.exception("no polls were requested")
