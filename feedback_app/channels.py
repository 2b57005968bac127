"""The Slack channels that alerts go to: their ids, which only Slack knows."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from feedback_app.alerting.rules import ChannelRule, resolve
from feedback_app.alerting.slack_client import PARTY, SlackClient, unknown
from feedback_app.hop.errors import OutsideFault
from feedback_app.settings import ConfigurationError, Rule

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
"""How often Slack is asked for channels that it did not know."""
CHECK_S = 3.0
"""How long a start waits for what Slack says of the channels."""


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
        self._ids: Mapping[str, str] = {}
        self._resolved: tuple[ChannelRule, ...] = ()
        self._asked_at = clock() - LOOK_EVERY_S
        self._looking = asyncio.Lock()

    async def check_start(self) -> None:
        """Raise ConfigurationError where Slack says that a channel is both listened and posted to.

        A Slack that does not answer now holds up no start.
        """
        try:
            async with asyncio.timeout(CHECK_S):
                ids, both = await self._ask()
        except (ConfigurationError, OutsideFault, TimeoutError) as error:
            log.warning("the channels could not be checked yet: %s", error or "no answer")
            return
        if both:
            raise ConfigurationError(f"{_two_ways(ids, both)}: choose another one")

    async def rules(self) -> tuple[ChannelRule, ...]:
        """Return the rules with channel ids; raises OutsideFault until Slack has told any."""
        if not self._resolved:
            await self._look()
        elif not self._wanted <= self._ids.keys():
            with contextlib.suppress(OutsideFault):
                await self._look()
        return self._resolved

    async def find(self, channel: str) -> str:
        """Return the id of an alert's channel; raises OutsideFault while Slack does not know it."""
        if not channel.startswith("#"):
            return channel
        if channel not in self._ids:
            self._wanted.add(channel)
            await self._look()
        if channel not in self._ids:
            raise OutsideFault(PARTY, unknown(channel))
        return self._ids[channel]

    async def _look(self) -> None:
        """Ask Slack, unless that was done a moment ago; raises OutsideFault."""
        async with self._looking:
            now = self._clock()
            if self._resolved and now < self._asked_at + LOOK_EVERY_S:
                return
            self._asked_at = now
            try:
                ids, both = await self._ask()
            except ConfigurationError as error:
                # A person can mend it while the worker runs, and nothing is lost by waiting.
                raise OutsideFault(PARTY, str(error), retry_after=5.0) from error
            if both:
                raise OutsideFault(PARTY, f"{_two_ways(ids, both)}: choose another one", 5.0)
            self._ids = ids
            self._resolved = resolve(self._rules, ids, self._partitions)

    async def _ask(self) -> tuple[dict[str, str], set[str]]:
        """Return the ids that Slack knows, and those of them that are listened to as well."""
        ids = await self._slack.known_channel_ids(self._wanted)
        return ids, set(ids.values()) & await self._listened_ids()

    async def _listened_ids(self) -> set[str]:
        """Return the ids of the channels that are listened to, where they can be told."""
        # A name equals a name already in the settings; only a mix of both can hide it.
        if all(name.startswith("#") for name in self._listened | self._wanted):
            return set()
        return set((await self._slack.known_channel_ids(self._listened)).values())


def _two_ways(ids: Mapping[str, str], both: set[str]) -> str:
    channel = min(both)
    name = next(name for name, found in ids.items() if found == channel)
    shown = name if name == channel else f"{name} ({channel})"
    return f"the channel {shown} is listened to and posted to"
