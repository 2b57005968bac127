"""The channels that alerts go to: the rules with the ids that only the receivers know."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from feedback_app.alerting.channel_lookup import ChannelLookup
from feedback_app.alerting.receivers.base import Receiver
from feedback_app.alerting.receivers.instances import NO_RECEIVER, Receivers
from feedback_app.alerting.rules import ResolvedRule, resolve
from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError, Rule

log = logging.getLogger(__name__)

CHECK_S = 3.0
"""How long a start waits for what the receivers say of the channels."""


class ChannelResolver:
    """Resolves the rules' channels when they are first needed; a missing one blocks no other.

    Until a channel's id is known its alerts carry its name, and wait in the outbox. `listened` are
    the channels that sources read, as configured; `clock` gives monotonic seconds. Raises
    ConfigurationError for a rule whose channel is of no receiver.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...],
        listened: frozenset[str],
        receivers: Receivers,
        partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._rules, self._listened, self._receivers = rules, listened, receivers
        self._partitions, self._clock = partitions, clock
        self._lookups: dict[str, ChannelLookup] = {}
        self._resolved: tuple[ResolvedRule, ...] = ()
        for rule in rules:
            receiver = receivers.get(rule.channel)
            if receiver is None:
                raise ConfigurationError(f"rule {rule.id}: {NO_RECEIVER.format(rule.channel)}")
            self._lookup(receiver).want(rule.channel)

    async def check_start(self) -> None:
        """Raise ConfigurationError where the ids show that the channels cannot be as they are.

        A receiver that does not answer now does not delay the start.
        """
        for lookup in self._lookups.values():
            try:
                async with asyncio.timeout(CHECK_S):
                    _, wrong = await lookup.ask()
            except (ConfigurationError, TransientError, TimeoutError) as error:
                log.warning("the channels could not be checked yet: %s", error or "no answer")
                continue
            if wrong is not None:
                raise ConfigurationError(wrong)

    async def rules(self) -> tuple[ResolvedRule, ...]:
        """Return the rules with channel ids; raises TransientError until a receiver has answered.

        After that it waits for nothing: what is still unknown is looked up in the background.
        """
        failed: TransientError | None = None
        if not self._resolved:
            for lookup in self._lookups.values():
                try:
                    await lookup.first()
                except TransientError as error:
                    failed = failed or error
        if failed is not None and not self._resolved:
            raise failed
        for lookup in self._lookups.values():
            lookup.refresh()
        return self._resolved

    async def find(self, channel: str) -> str:
        """Return the id of an alert's channel.

        Raises TransientError while it is unknown, BadRecord where it is of no receiver.
        """
        return await self._lookup(self._receivers.of(channel)).find(channel)

    async def close(self) -> None:
        """Cancel the look-ups in flight."""
        for lookup in self._lookups.values():
            await lookup.close()

    def _lookup(self, receiver: Receiver) -> ChannelLookup:
        lookup = self._lookups.get(receiver.name)
        if lookup is None:
            check = partial(self._check, receiver)
            lookup = ChannelLookup(receiver, check, self._resolve, self._clock)
            self._lookups[receiver.name] = lookup
        return lookup

    def _resolve(self) -> None:
        ids = {
            name: channel
            for lookup in self._lookups.values()
            for name, channel in lookup.ids.items()
        }
        self._resolved = resolve(self._rules, ids, self._partitions)

    async def _check(self, receiver: Receiver, ids: Mapping[str, str]) -> str | None:
        """Return what the ids of a receiver's channels show to be wrong, if anything."""
        rules = [rule for rule in self._rules if self._receivers.get(rule.channel) is receiver]
        listened = await self._listened_ids(receiver, rules)
        return _in_two_ways(rules, ids) or _posted_and_listened(rules, ids, listened)

    async def _listened_ids(self, receiver: Receiver, rules: Iterable[Rule]) -> set[str]:
        """Return the ids of those of its channels that are listened to, as far as they matter."""
        listened = {name for name in self._listened if self._receivers.get(name) is receiver}
        # The settings refuse two equal names; only a mix of names and ids can hide it.
        if not any(map(receiver.is_id, listened | {rule.channel for rule in rules})):
            return set()
        return set((await receiver.resolve(listened)).ids.values())


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
