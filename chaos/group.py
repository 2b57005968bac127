"""The consumer group as the broker sees it."""

import asyncio
import time
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

STABLE = "Stable"
LOOK_EVERY_S = 0.05


class GroupWatch:
    """Watches a group for as long as the context lasts: how many members, how long unstable."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self.members, self.state = 0, ""
        self.rebalances: list[float] = []
        """How long each rebalance lasted, in seconds."""
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
                self._take(found)
            except (KafkaError, OSError):
                pass  # the broker is away, which some tests want
            if self.state == STABLE and began is not None:
                self.rebalances.append(time.monotonic() - began)
                began = None
            elif self.state not in ("", STABLE) and began is None:
                began = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S)

    def _take(self, found: Any) -> None:
        _, _, self.state, _, _, members, *_ = found
        self.members = len(members)
