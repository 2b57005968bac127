"""What the outbox does next for one alert record, and what the record counts as. Pure."""

from collections.abc import Sequence
from enum import Enum

from feedback_app.hop import Count
from models import Alert, Delivery
from models.alert import PUT
from models.delivery import CLAIMED, DEAD, POSTED, RETRACTED

BUCKETS = {POSTED: "delivered", RETRACTED: "retracted", DEAD: "dead_lettered"}
"""What an alert counts as in each final status."""
MOVES_KEPT = 32


class Step(Enum):
    """The next step of an alert record."""

    NOTHING = "nothing"
    """There is nothing to do, and nothing to write."""
    REPEAT = "repeat"
    """It was carried out before: it counts as what it was."""
    POST = "post"
    RESOLVE = "resolve"
    """There is an open intent: it may have been posted."""
    UPDATE = "update"
    WITHDRAW = "withdraw"


def decide(alert: Alert, offset: int, record: Delivery | None) -> Step:
    """Return the next step for the alert record at `offset`, given the alert's newest Delivery."""
    put = alert.op == PUT
    if record is None:
        return Step.POST if put else Step.NOTHING
    if offset < record.offset or (offset == record.offset and record.status != CLAIMED):
        return Step.REPEAT
    if record.status == CLAIMED:
        return Step.RESOLVE
    if put:
        # A dead letter that is tried again comes with the revision that it had.
        again = record.status == DEAD and alert.revision == record.revision
        if alert.revision <= record.revision and not again:
            return Step.NOTHING
        return Step.POST if record.ts is None else Step.UPDATE
    if record.status == RETRACTED or alert.revision < record.revision:
        return Step.NOTHING
    return Step.WITHDRAW


def moved(record: Delivery | None, offset: int, status: str) -> list[list[object]]:
    """Return the moves of an alert that the record at `offset` brings into a final status.

    A record makes at most one move: an update that is refused makes none.
    """
    moves = [] if record is None else [move for move in record.moves or () if move[0] != offset]
    bucket = BUCKETS[status]
    if not moves or moves[-1][1] != bucket:
        moves.append([offset, bucket])
    return moves[:1] + moves[1:][-MOVES_KEPT:]


def counted(record: Delivery, offset: int, name: str) -> Sequence[Count]:
    """Return what the alert record at `offset` counts as in the channel `name`.

    The sum over all records of an alert is one `created` and one of the three final counts.
    """
    before: str | None = None
    for at, bucket in record.moves or ():
        if at == offset:
            start = (name, "created") if before is None else (name, f"-{before}")
            return [start, (name, bucket)]
        before = bucket
    if record.status == DEAD and record.offset == offset:
        # Dead again, which moves nothing.
        return [(name, "dead_lettered"), (name, "-dead_lettered")]
    return []


def pending(alert: Alert, offset: int, record: Delivery | None, name: str) -> Sequence[Count]:
    """Return what the unfinished alert record at `offset` counts as."""
    if record is None or (record.status == CLAIMED and not record.moves):
        return [(name, "created"), (name, "pending")] if alert.op == PUT else []
    return counted(record, offset, name)
