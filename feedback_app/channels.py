"""The Slack channels that alerts go to: their ids, which only Slack knows."""

from collections.abc import Mapping

from feedback_app.alerting.rules import ChannelRule, resolve
from feedback_app.alerting.slack_client import SlackClient
from feedback_app.hop.errors import OutsideFault
from feedback_app.settings import ConfigurationError, Rule


class Channels:
    """Resolves the rules' channels at first need; a channel that is missing is waited for."""

    def __init__(
        self, rules: tuple[Rule, ...], listened: frozenset[str], slack: SlackClient
    ) -> None:
        self._rules, self._listened, self._slack = rules, listened, slack
        self._resolved: tuple[ChannelRule, ...] = ()
        self.names: Mapping[str, str] = {}
        """{Slack channel id: its name as configured}."""

    async def rules(self) -> tuple[ChannelRule, ...]:
        """Return the rules with channel ids; raises OutsideFault until Slack has told them."""
        if not self._resolved:
            try:
                ids = await self._slack.channel_ids({rule.channel for rule in self._rules})
                both = set(ids.values()) & await self._listened_ids()
            except ConfigurationError as error:
                # A person can mend it while the worker runs, and nothing is lost by waiting.
                raise OutsideFault("slack", str(error), retry_after=5.0) from error
            if both:
                raise OutsideFault(
                    "slack",
                    f"the channel {min(both)} is listened to and posted to: choose another one",
                    retry_after=5.0,
                )
            self._resolved = resolve(self._rules, ids)
            self.names = {channel: name for name, channel in ids.items()}
        return self._resolved

    async def _listened_ids(self) -> set[str]:
        """Return the ids of the channels that are listened to, where they can be told."""
        names = [name for name in self._listened if not name.startswith("#")]
        named = [name for name in self._listened if name.startswith("#")]
        # A name equals a name already in the settings; only a mix of both can hide it.
        posted = {rule.channel for rule in self._rules}
        if names or any(not name.startswith("#") for name in posted):
            return set(names) | set((await self._slack.channel_ids(named)).values())
        return set()
