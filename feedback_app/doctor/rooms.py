"""The channels that the bot can see."""

from typing import NamedTuple

from slack_sdk.web.async_client import AsyncWebClient


class Room(NamedTuple):
    """A channel as Slack lists it."""

    id: str
    name: str
    member: bool
    archived: bool


async def list_rooms(client: AsyncWebClient) -> list[Room]:
    """Return all channels that the bot can see; raises what the client raises."""
    rooms: list[Room] = []
    cursor: str | None = None
    while True:
        answer = await client.conversations_list(
            types="public_channel,private_channel", limit=500, cursor=cursor
        )
        rooms += [
            Room(
                item["id"],
                item["name"],
                bool(item.get("is_member")),
                bool(item.get("is_archived")),
            )
            for item in answer["channels"]
        ]
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return rooms
