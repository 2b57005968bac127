"""Faust's recovery, which begins to read after a rebalance, however long Kafka is away for it.

Where Kafka answers no request for `broker_request_timeout`, Faust takes that for its own end: the
worker would keep its place in the group and its partitions, and read nothing of them ever again.
"""

from typing import Any

from faust.tables import TableManager
from faust.tables.recovery import Recovery
from mode import Seconds


class UnboundedRecovery(Recovery):
    """Waits until it is done, the worker ends, or the next rebalance begins."""

    async def _wait(self, coro: Any, timeout: Seconds | None = None) -> None:
        await super()._wait(coro)


class UnboundedRecoveryTables(TableManager):
    """Faust's table manager, which has no tables here and starts the recovery."""

    @property
    def recovery(self) -> Recovery:
        """The recovery of this worker."""
        if self._recovery is None:
            self._recovery = UnboundedRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
