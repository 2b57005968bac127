"""Watches a consumer group through the broker."""

import asyncio
import time
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

STABLE = "Stable"
EVERY_S = 0.05


class GroupWatch:
    """Samples the state of a group while the context lasts: members and rebalances."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self.members, self.state = 0, ""
        self.rebalances: list[float] = []
        """Duration of each rebalance in seconds."""
        self._group = group
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._admin.start()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._admin.close()

    async def _watch(self) -> None:
        began: float | None = None
        while True:
            try:
                (answer,) = await self._admin.describe_consumer_groups([self._group])
                (found,) = answer.groups
                self._update(found)
            except (KafkaError, OSError):
                pass  # some tests stop the broker
            if self.state == STABLE and began is not None:
                self.rebalances.append(time.monotonic() - began)
                began = None
            elif self.state not in ("", STABLE) and began is None:
                began = time.monotonic()
            await asyncio.sleep(EVERY_S)

    def _update(self, found: Any) -> None:
        _, _, self.state, _, _, members, *_ = found
        self.members = len(members)
