"""Delivery: what is known of one alert's Slack message, on the topic `deliveries`."""

from typing import Any

from models.wire import Wire

CLAIMED = "claimed"
POSTED = "posted"
RETRACTED = "retracted"
DEAD = "dead"


class Delivery(Wire):
    """The outbox's record of one alert id; the newest one for a key counts.

    `claimed` stands before a post, `posted` (with Slack's `ts`) after it. `offset` is that of the
    alert record that was carried out last, so that one read again counts as what it was. `lookup`
    is the id in the message's metadata: the alert id, or the digest's id where it went in one.
    `line` is kept so that a digest can be rendered again when one of its alerts changes. `moves`
    lists [offset, what the alert counts as from there on], so that an older record, too, counts as
    what it was when it is read again.
    """

    VERSION = 1

    id: str
    status: str
    channel: str
    revision: int = 0
    ts: str | None = None
    lookup: str | None = None
    line: str | None = None
    url: str | None = None
    rule: str | None = None
    feedback_id: str | None = None
    offset: int = -1
    claimed_at: str | None = None
    updated_at: str | None = None
    reason: str | None = None
    moves: list[list[Any]] | None = None
    version: int = 1
