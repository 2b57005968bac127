"""The channels of the workspace: by name or id, with what keeps the bot from using one."""

from collections.abc import Collection
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.hop.errors import TransientError
from feedback_app.settings import ConfigurationError
from feedback_app.slack.channel import Channel
from feedback_app.slack.client import ask
from feedback_app.slack.errors import DEPENDENCY, Meaning, SlackError

PAGE = 200


@dataclass(frozen=True, slots=True)
class Directory:
    """The channels that were found, by the name or id that they were asked for by."""

    channels: dict[str, Channel]

    @property
    def ids(self) -> dict[str, str]:
        """{as asked for: id}; an archived channel has one too."""
        return {name: channel.id for name, channel in self.channels.items()}

    @property
    def readable(self) -> dict[str, str]:
        """{as asked for: id} of the channels that are not archived."""
        return {name: one.id for name, one in self.channels.items() if not one.archived}

    def problem(self, name: str) -> str | None:
        """Return why the bot cannot read a channel, or None."""
        channel = self.channels.get(name)
        if channel is None:
            return "there is no such channel that the app can see: invite it"
        if channel.archived:
            return "it is archived: unarchive it or take another"
        return None if channel.member else "the app is not in it: invite it"


async def find_channels(client: AsyncWebClient, names: Collection[str]) -> Directory:
    """Look up channels by `#name` or id; reads no further than needed.

    Of two channels with one name the one that is not archived is taken. Raises ConfigurationError
    where the bot may not list channels, SlackError or another TransientError where Slack fails.
    """
    wanted = frozenset(names)
    found: dict[str, Channel] = {}
    cursor = ""
    while True:
        try:
            page, cursor = await _page(client, cursor)
        except SlackError as error:
            raise _listing_failed(error, client.base_url) from error
        for channel in page:
            for name in wanted & {channel.name, channel.id}:
                if name not in found or found[name].archived:
                    found[name] = channel
        usable = sum(not channel.archived for channel in found.values())
        if not cursor or usable == len(wanted):
            return Directory(found)


async def list_channels(client: AsyncWebClient) -> list[Channel]:
    """Return all channels that the bot can see; raises SlackError or another TransientError."""
    channels, cursor = await _page(client, "")
    while cursor:
        page, cursor = await _page(client, cursor)
        channels += page
    return channels


async def _page(client: AsyncWebClient, cursor: str) -> tuple[list[Channel], str]:
    """Return the channels of a page and the cursor of the next one, empty after the last."""
    page = await ask(
        client.conversations_list(types="public_channel,private_channel", limit=PAGE, cursor=cursor)
    )
    listed, rest = page.get("channels"), page.get("response_metadata")
    if not isinstance(listed, list):
        raise TransientError(DEPENDENCY, "the list of channels from Slack is malformed")
    channels = [channel for item in listed if (channel := _channel(item)) is not None]
    following = rest.get("next_cursor") if isinstance(rest, dict) else None
    return channels, following if isinstance(following, str) else ""


def _channel(item: object) -> Channel | None:
    """Return a listed channel, None for an entry without an id: it hides no other."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return None
    # Slack leaves `is_member` out where it does not apply.
    member = item.get("is_member") is not False
    return Channel(item["id"], f"#{item.get('name')}", member, bool(item.get("is_archived")))


def _listing_failed(error: SlackError, api_url: str) -> ConfigurationError | SlackError:
    failure = error.failure
    if failure.word == "missing_scope":
        return ConfigurationError(
            f"Slack does not list its channels ({failure.refusal}): the bot token needs the scopes "
            "channels:read and groups:read"
        )
    why = f"cannot list the channels: {failure.explained(api_url)}"
    if failure.access and failure.meaning is not Meaning.TRANSIENT:
        return ConfigurationError(why)
    return SlackError(failure, why)
