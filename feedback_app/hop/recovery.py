"""Faust's table recovery without its timeout: it starts the streams after a rebalance.

Its requests time out after `broker_request_timeout`. Faust then ends the recovery: the worker
would stay in the group and keep its partitions, but never read from them again.
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
    """Faust's table manager; this app has no tables, but the manager starts the recovery."""

    @property
    def recovery(self) -> Recovery:
        """The recovery of this worker."""
        if self._recovery is None:
            self._recovery = UnboundedRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
