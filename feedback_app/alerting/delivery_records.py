"""The Delivery records of each step. Pure."""

from feedback_app.alerting.receivers.base import Renderer
from feedback_app.alerting.step import moved
from feedback_app.hop import Item
from models import Alert, Delivery, rfc3339
from models.delivery import CLAIMED, DEAD, POSTED, RETRACTED


def intent(
    item: Item[Alert],
    known: Delivery | None,
    channel: str,
    lookup: str | None,
    now: float,
    renderer: Renderer,
) -> Delivery:
    """Return the intent to post an alert into a channel id.

    It is posted under its digest's id `lookup` or, with None, under its own. The alert itself may
    name a channel whose id was not known when it was made.
    """
    alert = item.value
    return Delivery(
        id=alert.id,
        status=CLAIMED,
        channel=channel,
        revision=alert.revision,
        lookup=lookup or alert.id,
        line=None if lookup is None else renderer.line(alert),
        url=alert.url,
        rule=alert.rule,
        feedback_id=alert.feedback_id,
        offset=item.offset,
        # The time of the first of consecutive intents: reconciliation searches from there.
        claimed_at=known.claimed_at
        if known is not None and known.status == CLAIMED
        else rfc3339(now),
        updated_at=rfc3339(now),
        moves=None if known is None else known.moves,
    )


def posted(intent: Delivery, ts: str, now: float) -> Delivery:
    """Return what follows an intent whose message stands in the channel."""
    return changed(intent, POSTED, intent.offset, now, ts=ts)


def dead(record: Delivery, offset: int, reason: str, now: float) -> Delivery:
    """Return what follows a record that the receiver refuses for good."""
    return changed(record, DEAD, offset, now, reason=reason)


def put(record: Delivery, item: Item[Alert], now: float, renderer: Renderer) -> Delivery:
    """Return what follows an update in place."""
    return changed(
        record,
        POSTED,
        item.offset,
        now,
        revision=item.value.revision,
        line=None if record.line is None else renderer.line(item.value),
    )


def retracted(record: Delivery, item: Item[Alert], now: float, renderer: Renderer) -> Delivery:
    """Return what follows a withdrawal; it keeps nothing of the text."""
    return changed(
        record,
        RETRACTED,
        item.offset,
        now,
        revision=item.value.revision,
        line=None if record.line is None else renderer.withdrawn_line(item.value),
    )


def changed(record: Delivery, status: str, offset: int, now: float, **fields: object) -> Delivery:
    """Return a record in the final status that the alert record at `offset` led to."""
    found: Delivery = record.derive(
        status=status,
        offset=offset,
        moves=moved(record, offset, status),
        updated_at=rfc3339(now),
        **({"reason": None} | fields),
    )
    return found
