"""All checks, in the order in which they are worth mending."""

from feedback_app.clock import Clock
from feedback_app.doctor.check import Check, well
from feedback_app.doctor.kafka import check_kafka
from feedback_app.doctor.model import check_model
from feedback_app.doctor.slack import check_slack
from feedback_app.doctor.x import check_x
from feedback_app.settings import Settings


async def examine(settings: Settings, clock: Clock, *, live: bool) -> list[Check]:
    """Return every check; `live` also posts a test message into Slack and deletes it."""
    sources = ", ".join(source.id for source in settings.sources) or "none"
    return [
        well("configuration", f"can be read; sources: {sources}"),
        *await check_kafka(settings),
        *await check_x(settings, clock.time),
        *await check_slack(settings, clock, live=live),
        await check_model(settings),
    ]
