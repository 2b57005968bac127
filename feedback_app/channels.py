"""The Slack channels that alerts go to: their ids, which only Slack knows."""

from collections.abc import Mapping

from feedback_app.alerting.rules import ChannelRule, resolve
from feedback_app.alerting.slack_client import SlackClient
from feedback_app.hop.errors import OutsideFault
from feedback_app.settings import ConfigurationError, Rule


class Channels:
    """Resolves the rules' channels at first need; a channel that is missing is waited for."""

    def __init__(self, rules: tuple[Rule, ...], slack: SlackClient) -> None:
        self._rules, self._slack = rules, slack
        self._resolved: tuple[ChannelRule, ...] = ()
        self.names: Mapping[str, str] = {}
        """{Slack channel id: its name as configured}."""

    async def rules(self) -> tuple[ChannelRule, ...]:
        """Return the rules with channel ids; raises OutsideFault until Slack has told them."""
        if not self._resolved:
            try:
                ids = await self._slack.channel_ids({rule.channel for rule in self._rules})
            except ConfigurationError as error:
                # A person can mend it while the worker runs, and nothing is lost by waiting.
                raise OutsideFault("slack", str(error), retry_after=5.0) from error
            self._resolved = resolve(self._rules, ids)
            self.names = {channel: name for name, channel in ids.items()}
        return self._resolved
