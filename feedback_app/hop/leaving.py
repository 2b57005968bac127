"""How a worker leaves its consumer group: at once, whatever state its coordinator is in.

aiokafka sends a leave request only for a member that holds an assignment, and only after its
coordination task has ended. During a rebalance that task ends when the slowest other member has
joined, and a worker whose join failed never leaves. Its partitions then wait for the session
timeout.
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

POLL_S = 0.02
"""How often the member id is read while the coordinator closes."""
REQUEST_TIMEOUT_S = 1.0
"""How long the broker may take to answer a leave request."""
CLOSE_TIMEOUT_S = 5.0
"""How long the coordinator may take to close before its connections are cut."""
CONNECTION = "leaving"
"""A separate connection: a broker answers in order, and a join may be pending on the other."""


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer.

    If a failed fetch is waiting to be retried, the library's own `stop` cancels its caller and
    leaves the connections open: each outage would end a reader for good.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await consumer._client.close()


async def stop_and_leave(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer and remove its member from the group, within a few seconds."""
    coordinator = consumer._coordinator
    closing = asyncio.ensure_future(coordinator.close())
    if hasattr(coordinator, "member_id"):  # not for a consumer without a group
        await _leave(coordinator, closing)
    await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
    if not closing.done():
        log.warning("the group coordinator does not close: closing its connections")
        await consumer._client.close()
    await closing
    await stop_consumer(consumer)


async def _leave(coordinator: Any, closing: asyncio.Future[None]) -> None:
    """Leave as each member id that the coordinator has, or still gets, until it has closed."""
    left = {""}
    clock = asyncio.get_running_loop().time
    deadline = clock() + CLOSE_TIMEOUT_S
    while clock() < deadline:
        if coordinator.member_id not in left:
            left.add(coordinator.member_id)
            await _leave_as(coordinator, coordinator.member_id)
        if closing.done():
            return
        await asyncio.wait({closing}, timeout=POLL_S)


async def _leave_as(coordinator: Any, member: str) -> None:
    """Send the leave request of one member id; logs the outcome and raises nothing."""
    client, group = coordinator._client, coordinator.group_id
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            try:
                await _send_leave(client, group, member, coordinator.coordinator_id)
            except NotCoordinatorForGroupError:
                await _send_leave(client, group, member, None)
    except UnknownMemberIdError:
        log.info("the group %s had forgotten this member already", group)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("could not leave the group %s: %s", group, str(error) or "no answer")
    else:
        log.info("left the group %s", group)


async def _send_leave(client: Any, group: str, member: str, node: int | None) -> None:
    """Send a leave request to a node, None to look up the coordinator; raises KafkaError."""
    if node is None:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    answer = await client.send(node, LeaveGroupRequest(group, member), group=CONNECTION)
    if (error := for_code(answer.error_code)) is not NoError:
        raise error()
