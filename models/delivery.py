"""Delivery: the state of one alert's Slack message, on the topic `deliveries`."""

from typing import Any

from models.wire import Wire

CLAIMED = "claimed"
POSTED = "posted"
RETRACTED = "retracted"
DEAD = "dead"


class Delivery(Wire):
    """The outbox's record of one alert id; the newest one of a key counts.

    `claimed` is written before a post, `posted` (with Slack's `ts`) after it. `offset` is that of
    the last processed alert record, so that a repeated read counts the same. `lookup` is the id in
    the message's metadata: the alert id, or the id of the digest that contains it. `line` is kept
    to render a digest again when one of its alerts changes. `moves` lists [offset, what the alert
    counts as from there on], so that a repeated read of an older record counts the same, too.
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
