"""A Slack channel and the ways to name one. Imports no client, so settings can be checked."""

import re
from typing import NamedTuple

CHANNEL_FORM = re.compile(r"#[^\s#,]{1,80}|[CG][A-Z0-9]{5,}")
"""How a channel may be configured: by its name or by its id."""
FORM_IN_WORDS = "#name or an id such as C0123456789"


class Channel(NamedTuple):
    """A channel as Slack lists it; `name` begins with #, `member` says whether the bot is in it."""

    id: str
    name: str
    member: bool
    archived: bool


def checked(channel: str) -> str:
    """Return a configured channel; raises ValueError where it has not the form."""
    if not CHANNEL_FORM.fullmatch(channel):
        raise ValueError(f"{channel!r} is no channel: write {FORM_IN_WORDS}")
    return channel


def is_id(channel: str) -> bool:
    """Whether a configured channel is an id already."""
    return not channel.startswith("#")


def unknown(name: str) -> str:
    """Return why a channel that Slack does not list cannot be posted to, and what to do."""
    return (
        f"the bot sees no Slack channel {name}: create it, or invite the bot into it "
        "if it is private"
    )
