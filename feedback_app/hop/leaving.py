"""How a worker leaves its consumer group: at once, whatever its coordination is in the middle of.

aiokafka leaves only as a member that has been given its place, and only after its coordination has
come to rest. In the middle of a rebalance that is when the slowest other member has come, and a
worker whose join failed never leaves: its partitions then wait for a session timeout.
"""

import asyncio
import logging
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.group import LeaveGroupRequest

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.02
ANSWER_S = 1.0
"""How long the broker may take to let a member go."""
STOP_S = 5.0
"""How long the library may take to come to rest before its connections are closed."""
CONNECTION = "leaving"
"""A connection of its own: the broker answers one after another, and a join may wait there."""


async def stopped(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer.

    A fetch that failed and waits to be tried again lets the library's own `stop` cancel whoever
    called it, and leave the connections open: a reader would end for good with every outage.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await consumer._client.close()


async def stop_and_leave(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer and have the group forget its member, within a few seconds."""
    coordinator = consumer._coordinator
    closing = asyncio.ensure_future(coordinator.close())
    if hasattr(coordinator, "member_id"):  # not one without a group
        await _leave(coordinator, closing)
    await asyncio.wait({closing}, timeout=STOP_S)
    if not closing.done():
        log.warning("the consumer does not come to rest: closing its connections")
        await consumer._client.close()
    await closing
    await stopped(consumer)


async def _leave(coordinator: Any, closing: asyncio.Future[None]) -> None:
    """Take back every member id that the coordinator has or is still given, until it has ended."""
    left = {""}
    clock = asyncio.get_running_loop().time
    deadline = clock() + STOP_S
    while clock() < deadline:
        if coordinator.member_id not in left:
            left.add(coordinator.member_id)
            await _take_back(coordinator, coordinator.member_id)
        if closing.done():
            return
        await asyncio.wait({closing}, timeout=LOOK_EVERY_S)


async def _take_back(coordinator: Any, member: str) -> None:
    client, group = coordinator._client, coordinator.group_id
    try:
        async with asyncio.timeout(ANSWER_S):
            try:
                await _ask(client, group, member, coordinator.coordinator_id)
            except NotCoordinatorForGroupError:
                await _ask(client, group, member, None)
    except UnknownMemberIdError:
        log.info("the group %s had forgotten this member already", group)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("could not leave the group %s: %s", group, str(error) or "no answer")
    else:
        log.info("left the group %s", group)


async def _ask(client: Any, group: str, member: str, node: int | None) -> None:
    """Ask a node, or the one that is to be looked up, to let a member go; raises KafkaError."""
    if node is None:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    answer = await client.send(node, LeaveGroupRequest(group, member), group=CONNECTION)
    if (error := for_code(answer.error_code)) is not NoError:
        raise error()
