"""The Delivery records of each step; pure."""

from feedback_app.alerting.message import line, withdrawn_line
from feedback_app.alerting.step import moved
from feedback_app.hop import Item
from models import Alert, Delivery, rfc3339
from models.delivery import CLAIMED, DEAD, POSTED, RETRACTED


def intent(
    item: Item[Alert], known: Delivery | None, channel: str, lookup: str | None, now: float
) -> Delivery:
    """Return the claim of an alert on a channel id, under its digest's id or, with None, its own.

    The alert may name a channel that Slack did not know when it was made.
    """
    alert = item.value
    return Delivery(
        id=alert.id,
        status=CLAIMED,
        channel=channel,
        revision=alert.revision,
        lookup=lookup or alert.id,
        line=None if lookup is None else line(alert),
        url=alert.url,
        rule=alert.rule,
        feedback_id=alert.feedback_id,
        offset=item.offset,
        # The first of a row of claims: whatever was posted under it is looked for from there.
        claimed_at=known.claimed_at
        if known is not None and known.status == CLAIMED
        else rfc3339(now),
        updated_at=rfc3339(now),
        moves=None if known is None else known.moves,
    )


def posted(claimed: Delivery, ts: str, now: float) -> Delivery:
    """Return what follows a claim whose message stands in Slack."""
    return changed(claimed, POSTED, claimed.offset, now, ts=ts)


def dead(record: Delivery, offset: int, reason: str, now: float) -> Delivery:
    """Return what follows a record that Slack refuses for good."""
    return changed(record, DEAD, offset, now, reason=reason)


def put(record: Delivery, item: Item[Alert], now: float) -> Delivery:
    """Return what follows an update in place."""
    return changed(
        record,
        POSTED,
        item.offset,
        now,
        revision=item.value.revision,
        line=None if record.line is None else line(item.value),
    )


def retracted(record: Delivery, item: Item[Alert], now: float) -> Delivery:
    """Return what follows a withdrawal; nothing of the text is left in it."""
    return changed(
        record,
        RETRACTED,
        item.offset,
        now,
        revision=item.value.revision,
        line=None if record.line is None else withdrawn_line(item.value),
    )


def changed(record: Delivery, status: str, offset: int, now: float, **fields: object) -> Delivery:
    """Return a record in a final status, carried there by the alert record at `offset`."""
    found: Delivery = record.derive(
        status=status,
        offset=offset,
        moves=moved(record, offset, status),
        updated_at=rfc3339(now),
        **({"reason": None} | fields),
    )
    return found
