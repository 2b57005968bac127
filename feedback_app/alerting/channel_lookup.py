"""Looks up the ids of one receiver's channels, again and again while one is missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from feedback_app.alerting.receivers.base import Receiver, Resolved
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
"""How long after a look-up the receiver is asked again for channels that it did not know."""
FIX_S = 5.0
"""How long a person needs at least to fix the configuration."""


class ChannelLookup:
    """The ids of the channels of one receiver; one look-up is in flight at a time.

    `check` returns what the ids of the channels show to be wrong, if anything; `changed` is called
    when ids were found. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        receiver: Receiver,
        check: Callable[[dict[str, str]], Awaitable[str | None]],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.receiver = receiver
        self._check, self._changed, self._clock = check, changed, clock
        self._wanted: set[str] = set()
        self._found: Resolved | None = None
        self._asked: frozenset[str] = frozenset()
        self._error: TransientError | None = None
        self._next_at = clock()
        self._task: asyncio.Task[None] | None = None

    @property
    def ids(self) -> dict[str, str]:
        """{as configured: id} of the channels that are known."""
        return {} if self._found is None else self._found.ids

    def want(self, channel: str) -> None:
        """Look for a channel, as configured, from now on."""
        self._wanted.add(channel)

    async def first(self) -> None:
        """Return once the receiver has answered; raises TransientError where it failed."""
        if self._found is None:
            await self._look_up()

    def refresh(self) -> None:
        """Look up in the background what is still unknown, if that is due."""
        if self._found is None or not self._wanted <= self._found.ids.keys():
            self._begin()

    async def find(self, channel: str) -> str:
        """Return the id of a channel; raises TransientError while it is unknown."""
        if self.receiver.is_id(channel):
            return channel
        if channel not in self.ids:
            self.want(channel)
            await self._look_up()
            if channel not in self._asked:  # the look-up in flight did not ask for it
                await self._look_up()
        if channel not in self.ids:
            unknown = {} if self._found is None else self._found.unknown
            raise TransientError(self.receiver.name, unknown.get(channel, f"no {channel}"))
        return self.ids[channel]

    async def ask(self) -> tuple[Resolved, str | None]:
        """Return the channels that the receiver knows now, and what they show to be wrong.

        Raises ConfigurationError where it may not be asked, TransientError where it fails.
        """
        found = await self.receiver.resolve(frozenset(self._wanted))
        return found, await self._check(found.ids)

    async def close(self) -> None:
        """Cancel a look-up in flight."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _look_up(self) -> None:
        """Wait for the look-up in flight, or one that is due; raises TransientError if it fails."""
        if (task := self._begin()) is not None:
            await asyncio.shield(task)
        if self._error is not None:
            left = max(0.0, self._next_at - self._clock())
            raise TransientError(self.receiver.name, str(self._error), left) from self._error

    def _begin(self) -> asyncio.Task[None] | None:
        """Return the look-up in flight, begun now if one is due."""
        # A name that was never asked for waits only where the receiver asked for it.
        new = self._error is None and not self._wanted <= self._asked
        if self._task is None and (new or self._clock() >= self._next_at):
            self._task = asyncio.create_task(self._resolve())
            self._task.add_done_callback(self._done)
        return self._task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("looking up the channels failed: %r", error)

    async def _resolve(self) -> None:
        """Ask, and note the result and when to ask again."""
        failed: TransientError | None = None
        wanted = frozenset(self._wanted)
        try:
            found, wrong = await self.ask()
            if wrong is not None:
                raise ConfigurationError(wrong)
            self._asked = wanted
            self._found = found
            self._changed()
        except ConfigurationError as error:
            # A person can fix it while the worker runs, and nothing is lost by waiting.
            failed = TransientError(self.receiver.name, str(error), retry_after=FIX_S)
        except TransientError as error:
            failed = error
        finally:
            self._error = failed
            pause = 0.0 if self._found is None else LOOK_EVERY_S
            asked_for = 0.0 if failed is None else failed.retry_after or 0.0
            self._next_at = self._clock() + pause + asked_for
        if failed is not None and self._found is not None:
            log.warning("the missing channels cannot be looked up: %s", failed)
