"""The Slack channels that alerts go to: their ids, which only Slack knows."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from feedback_app.alerting.rules import ChannelRule, resolve
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError, Rule
from feedback_app.slack.client import DEPENDENCY, SlackClient, unknown

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
"""How long after a look Slack is asked again for channels that it did not know."""
CHECK_S = 3.0
"""How long a start waits for what Slack says of the channels."""
MEND_S = 5.0
"""How long a person at least needs to mend what is configured."""


class Channels:
    """Resolves the rules' channels at first need; one that is missing holds up no other.

    Until Slack knows a channel its alerts bear its name, and wait in the outbox.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...],
        listened: frozenset[str],
        slack: SlackClient,
        partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._rules, self._listened, self._slack = rules, listened, slack
        self._partitions, self._clock = partitions, clock
        self._wanted = {rule.channel for rule in rules}
        self._asked: frozenset[str] = frozenset()
        self._ids: Mapping[str, str] = {}
        self._resolved: tuple[ChannelRule, ...] = ()
        self._fault: TransientError | None = None
        self._look_at = clock()
        self._looking: asyncio.Task[None] | None = None

    async def check_start(self) -> None:
        """Raise ConfigurationError where Slack's ids show that the channels cannot be as they are.

        A Slack that does not answer now holds up no start.
        """
        try:
            async with asyncio.timeout(CHECK_S):
                _, wrong = await self._ask()
        except (ConfigurationError, TransientError, TimeoutError) as error:
            log.warning("the channels could not be checked yet: %s", error or "no answer")
            return
        if wrong is not None:
            raise ConfigurationError(wrong)

    async def rules(self) -> tuple[ChannelRule, ...]:
        """Return the rules with channel ids; raises OutsideFault until Slack has told any.

        After that it waits for nothing: what is still unknown is looked up in the background.
        """
        if not self._resolved:
            await self._reconcile()
        elif not self._wanted <= self._ids.keys():
            self._begin()
        return self._resolved

    async def find(self, channel: str) -> str:
        """Return the id of an alert's channel; raises OutsideFault while Slack does not know it."""
        if not channel.startswith("#"):
            return channel
        if channel not in self._ids:
            self._wanted.add(channel)
            await self._reconcile()
            if channel not in self._asked:  # the look that was under way did not ask for it
                await self._reconcile()
        if channel not in self._ids:
            raise TransientError(DEPENDENCY, unknown(channel))
        return self._ids[channel]

    async def close(self) -> None:
        """End a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _reconcile(self) -> None:
        """Wait for the look under way, or one that is due; raises OutsideFault where it failed."""
        if (look := self._begin()) is not None:
            await asyncio.shield(look)
        if self._fault is not None:
            left = max(0.0, self._look_at - self._clock())
            raise TransientError(DEPENDENCY, str(self._fault), left) from self._fault

    def _begin(self) -> asyncio.Task[None] | None:
        """Return the look under way, begun now if one is due."""
        # A name that was never asked for waits only where Slack said so.
        new = self._fault is None and not self._wanted <= self._asked
        if self._looking is None and (new or self._clock() >= self._look_at):
            self._looking = asyncio.create_task(self._resolve())
            self._looking.add_done_callback(self._looked)
        return self._looking

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looking = None
        if not look.cancelled() and (error := look.exception()) is not None:
            log.warning("looking for the channels failed: %r", error)

    async def _resolve(self) -> None:
        """Ask Slack, and note what came of it and when it may be asked again."""
        fault: TransientError | None = None
        wanted = frozenset(self._wanted)
        try:
            ids, wrong = await self._ask()
            if wrong is not None:
                raise ConfigurationError(wrong)
            self._asked = wanted
            self._ids = ids
            self._resolved = resolve(self._rules, ids, self._partitions)
        except ConfigurationError as error:
            # A person can mend it while the worker runs, and nothing is lost by waiting.
            fault = TransientError(DEPENDENCY, str(error), retry_after=MEND_S)
        except TransientError as error:
            fault = error
        finally:
            self._fault = fault
            pause = LOOK_EVERY_S if self._resolved else 0.0
            asked_for = 0.0 if fault is None else fault.retry_after or 0.0
            self._look_at = self._clock() + pause + asked_for
        if fault is not None and self._resolved:
            log.warning("the channels that were missing cannot be looked up: %s", fault)

    async def _ask(self) -> tuple[dict[str, str], str | None]:
        """Return the ids that Slack knows, and what they show to be wrong, if anything."""
        ids = await self._slack.known_channel_ids(self._wanted)
        listened = await self._listened_ids()
        wrong = _in_two_ways(self._rules, ids) or _posted_and_listened(self._rules, ids, listened)
        return ids, wrong

    async def _listened_ids(self) -> set[str]:
        """Return the ids of the channels that are listened to, where they can be told."""
        # A name equals a name already in the settings; only a mix of both can hide it.
        if all(name.startswith("#") for name in self._listened | self._wanted):
            return set()
        return set((await self._slack.known_channel_ids(self._listened)).values())


def _in_two_ways(rules: Iterable[Rule], ids: Mapping[str, str]) -> str | None:
    """Return what to change where two rules name one channel by its name and by its id."""
    # Its alerts would be in two partitions and two queues, which know nothing of each other.
    seen: dict[str, Rule] = {}
    for rule in rules:
        channel = ids.get(rule.channel, rule.channel)
        other = seen.setdefault(channel, rule)
        if other.channel != rule.channel:
            return (
                f"the rules {other.id} and {rule.id} name one channel in two ways, {other.channel} "
                f"and {rule.channel}: write it in the same way in both"
            )
    return None


def _posted_and_listened(
    rules: Iterable[Rule], ids: Mapping[str, str], listened: set[str]
) -> str | None:
    """Return what to change where a channel is both listened to and posted to."""
    for rule in rules:
        name = rule.channel
        if (channel := ids.get(name)) in listened:
            shown = name if name == channel else f"{name} ({channel})"
            return f"the channel {shown} is listened to and posted to: choose another one"
    return None
