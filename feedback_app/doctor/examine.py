"""All checks, in the order in which problems should be fixed."""

from feedback_app.clock import Clock
from feedback_app.doctor.check import Check, passed
from feedback_app.doctor.kafka import check_kafka
from feedback_app.doctor.model import check_model
from feedback_app.doctor.slack import check_slack
from feedback_app.doctor.x import check_x
from feedback_app.settings import Settings


async def examine(settings: Settings, clock: Clock, *, live: bool) -> list[Check]:
    """Run all checks; `live` also posts a test message to Slack and deletes it."""
    sources = ", ".join(source.id for source in settings.sources) or "none"
    return [
        passed("configuration", f"is valid; sources: {sources}"),
        *await check_kafka(settings),
        *await check_x(settings, clock.time),
        *await check_slack(settings, clock, live=live),
        await check_model(settings),
    ]
