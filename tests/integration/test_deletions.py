"""What is deleted at its source is deleted here: alert, page, dead letters and replay."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from chaos.fleet import NEGATIVE, POSITIVE, Fleet
from chaos.host_stalls import HostStalls
from chaos.processes import FEEDBACK
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(360)

PRIVATE = "my number is 555 0100"
ALERTED = 4
SAID_MOST = 40
"""Of as many, some dozen are alerts: a slow machine has no more of them to withdraw."""
WITHDRAWN_S = 10.0
"""How long all alerts of deleted messages may stand, on a machine with other work to do."""


async def feedback(fleet: Fleet, *words: str, status: int = 0) -> str:
    """Return what a command of the program prints, which ends with this status."""
    process = await asyncio.create_subprocess_exec(
        *FEEDBACK[:-3],
        *words,
        env=fleet.environment,
        cwd=fleet.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == status, said.decode()
    return (said if status else out).decode()


async def recent(fleet: Fleet) -> dict[str, Any]:
    """Return the latest messages and alerts of the page."""
    async with fleet.session.get(f"{fleet.living[0].url}/api/recent") as answer:
        found: dict[str, Any] = await answer.json()
        return found


def standing(fleet: Fleet, name: str) -> list[str]:
    """Return what the app says in a channel, text and blocks."""
    messages = fleet.sandbox.slack.channel(name).messages
    return [f"{message.text} {message.blocks}" for message in messages]


def alerts(fleet: Fleet) -> bool:
    """Whether an alert shows the text in either channel."""
    return any(PRIVATE in text for text in standing(fleet, NEGATIVE) + standing(fleet, POSITIVE))


async def withdrawn(fleet: Fleet) -> float:
    """Return the seconds until no alert shows the text, without the machine's own stalls."""
    with HostStalls() as host:
        began = time.monotonic()
        took = await until(lambda: not alerts(fleet), 60, "notes")
        return took - host.within(began, began + took)


async def test_nothing_of_a_deleted_message_is_shown_any_more(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    slack, dead = fleet.sandbox.slack, fleet.observer.topics.dead
    # The alerts of one channel become dead letters, those of the other are posted.
    slack.archive(NEGATIVE)
    await fleet.start_workers(1)
    said: list[str] = []
    number = itertools.count()

    def enough() -> bool:
        if len(said) < SAID_MOST:
            said.append(slack.say("#feedback", f"{next(number)} {PRIVATE}"))
        return len(standing(fleet, POSITIVE)) >= ALERTED and len(dead) >= ALERTED

    await until(enough, 90, lambda: fleet.workers[0].tail())
    await until(lambda: len(fleet.observer.topics.scored) == len(said), 60, "all are scored")
    await until(lambda: shows(fleet, True), 60, "the page shows it")
    assert all(PRIVATE in text for text in standing(fleet, POSITIVE))
    since = ("--from", "1h", "--json")
    before = await asyncio.gather(
        feedback(fleet, "dead-letters", "show", "0"), feedback(fleet, "replay", *since)
    )
    assert [PRIVATE in text for text in before] == [True, True]

    for ts in said:
        slack.delete("#feedback", ts)
    assert await withdrawn(fleet) < WITHDRAWN_S
    assert all("its author deleted the message" in one for one in standing(fleet, POSITIVE))
    await until(lambda: shows(fleet, False), 60, "the page shows nothing of it")
    after = await asyncio.gather(
        feedback(fleet, "dead-letters", "show", "0"),
        feedback(fleet, "dead-letters", "list", "--all", "--json"),
        feedback(fleet, "replay", *since),
    )
    assert [PRIVATE in text for text in after] == [False, False, False]
    assert "deleted at its source" in after[0]

    # Nor does a retry bring it back: it is refused.
    slack.archive(NEGATIVE, False)
    refused = await feedback(fleet, "dead-letters", "retry", "--stage", "delivery", status=1)
    assert refused.count("its message was deleted at its source: drop it") >= ALERTED

    def more() -> bool:
        slack.say("#feedback", f"{next(number)} and something else")
        return any("something else" in text for text in standing(fleet, NEGATIVE))

    await until(more, 90, "an alert of the channel that is open again")
    assert not any(PRIVATE in text for text in standing(fleet, NEGATIVE))


async def test_a_deletion_on_x_takes_a_compliance_job_and_little_more(new_fleet: NewFleet) -> None:
    fleet = await new_fleet()
    x = fleet.sandbox.x
    await fleet.start_workers(1)
    posts: list[str] = []
    number = itertools.count()

    def alerted() -> bool:
        if len(posts) < SAID_MOST:
            posts.append(x.post(f"{next(number)} {PRIVATE}"))
        return alerts(fleet)

    await until(alerted, 90, "an alert of a post")
    await until(lambda: len(fleet.observer.topics.scored) == len(posts), 60, "all are scored")
    for post in posts:
        x.delete(post)
    # A job every two seconds here; what was posted last may wait for the one after.
    assert await withdrawn(fleet) < WITHDRAWN_S


async def shows(fleet: Fleet, wanted: bool) -> bool:
    """Whether the page shows the text, or nothing of it."""
    return (PRIVATE in str(await recent(fleet))) is wanted
