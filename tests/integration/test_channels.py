"""Alert channels that Slack does not know yet, and one that is listened to as well."""

import pytest

from chaos.fleet import NEGATIVE, POSITIVE, Fleet
from chaos.waiting import until
from feedback_app.alerting.channel_lookup import LOOK_EVERY_S
from feedback_app.alerting.outbox import LOOK_AGAIN_S
from feedback_app.alerting.pacing import LONGEST_BACKOFF_S
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(500)

MISSING, OPS = "#not-there-yet", "#ops"
UNCHECKED = "the channels could not be checked yet"


def carried(fleet: Fleet, channel: str) -> int:
    """Return how many alerts stand in a channel."""
    found = fleet.sandbox.slack.channel(channel).messages
    return sum((one.metadata or {}).get("event_type") == "feedback_alert" for one in found)


async def test_a_channel_that_was_never_made_holds_up_no_other(new_fleet: NewFleet) -> None:
    settings = {"FEEDBACK_NEGATIVE_CHANNEL": MISSING, "FEEDBACK_OPS_CHANNEL": OPS}
    fleet = await new_fleet(settings=settings)
    slack = fleet.sandbox.slack
    slack.create(OPS)
    await fleet.start_workers(1)
    for number in range(60):
        slack.say("#feedback", f"item {number} version 1 while a channel is missing")
    alerts = fleet.observer.topics.alerts

    async def figures() -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = (await fleet.stats())["alerts"]
        return found

    async def others_are_out() -> bool:
        found = await figures()
        created = found.get(POSITIVE, {}).get("created", 0)
        pending = found.get(MISSING, {}).get("pending", 0)
        return (
            created > 0
            and pending > 0
            and created == found[POSITIVE]["delivered"] == carried(fleet, POSITIVE)
        )

    await until(lambda: len(fleet.observer.topics.scored) == 60, 90, "all are scored")
    await until(others_are_out, 30, lambda: f"the other channel's alerts: {alerts}")

    async def waiting_is_shown() -> bool:
        return MISSING in ((await fleet.stats())["stages"]["delivery"]["waiting_for"] or "")

    await until(waiting_is_shown, 60, "the page shows what is waited for")

    def noticed(words: str) -> bool:
        return any(words in one.text for one in slack.channel(OPS).messages)

    await until(lambda: noticed(f"{MISSING} takes no alerts"), 60, "a notice")
    waiting = (await figures())[MISSING]["pending"]

    slack.create(MISSING)

    async def theirs_are_out() -> bool:
        found = (await figures())[MISSING]
        return found["delivered"] == found["created"] == carried(fleet, MISSING) >= waiting

    # Slack may just have been asked, by the stage and for all channels.
    within = LOOK_EVERY_S + LOOK_AGAIN_S + LONGEST_BACKOFF_S + 30
    await until(theirs_are_out, within, "the alerts of the channel that was made")
    assert carried(fleet, NEGATIVE) == 0
    await until(lambda: noticed("over after"), 60, "the end of it")


async def test_a_channel_listened_to_by_id_and_alerted_to_by_name_stops_the_start(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet()
    listened = fleet.sandbox.slack.channel(NEGATIVE).id
    worker = fleet.start_worker(FEEDBACK_SLACK_CHANNELS=listened)

    async def decided() -> bool:
        nonlocal worker
        if UNCHECKED in worker.log.read_text():  # Slack took its time: it starts, and checks later
            worker.kill()
            worker = fleet.start_worker(FEEDBACK_SLACK_CHANNELS=listened)
        return worker.exit_code is not None

    await until(decided, 120, lambda: worker.tail())
    assert worker.exit_code == 2, worker.tail()
    lines = [line for line in worker.tail(100).splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, worker.tail(100)
    assert f"{NEGATIVE} ({listened}) is listened to and posted to: choose another one" in lines[0]
