"""What one partition knows about its alerts' messages, restored from the topic `deliveries`."""

import logging
from collections.abc import Iterable
from typing import Any

from feedback_app.hop import Row
from models import Delivery, InvalidRecord
from models.delivery import CLAIMED, POSTED, RETRACTED

log = logging.getLogger(__name__)


class DeliveryState:
    """The newest Delivery of each alert id, kept as bytes: there may be hundreds of thousands."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self._records: dict[str, bytes] = {}
        self._intents: dict[str, float] = {}
        self._digests: dict[str, dict[str, None]] = {}
        self._lookups: dict[str, str] = {}
        self._taken_over = True

    def __contains__(self, alert_id: str) -> bool:
        return alert_id in self._records

    def get(self, alert_id: str) -> Delivery | None:
        """Return the newest Delivery of an alert."""
        value = self._records.get(alert_id)
        return None if value is None else Delivery.decode(value)

    def intent_acknowledged_at(self, alert_id: str) -> float:
        """Return when the broker had the open intent of an alert, in Unix seconds."""
        return self._intents[alert_id]

    def members(self, lookup: str) -> list[Delivery]:
        """Return the alerts of a digest, in the order of their lines."""
        known = [self.get(alert_id) for alert_id in self._digests.get(lookup, ())]
        return sorted((one for one in known if one is not None), key=_place)

    def under(self, lookup: str) -> list[Delivery]:
        """Return the alerts whose message has this id: those of a digest, or one."""
        if lookup in self._digests:
            return self.members(lookup)
        one = self.get(lookup)
        return [] if one is None or one.lookup != lookup else [one]

    def posted_ts(self, lookup: str) -> str | None:
        """Return the ts on record of the message with this id."""
        return next((one.ts for one in self.under(lookup) if one.ts is not None), None)

    def take_over(self) -> bool:
        """Return, once after a restore, that another worker may have posted lately."""
        taken_over, self._taken_over = self._taken_over, False
        return taken_over

    def restore(self, row: Row) -> None:
        """Apply a record of the topic, unless a lost owner wrote it after its successor."""
        self._taken_over = True
        try:
            delivery = Delivery.decode(row.value)
        except InvalidRecord as error:
            log.warning("deliveries %d@%d is malformed: %s", row.partition, row.offset, error)
            return
        known = self.get(delivery.id)
        if known is None or not _outdated(delivery, known):
            self.remember(([delivery], row.timestamp))

    def remember(self, what: Any) -> None:
        """Apply (deliveries, Unix time of the broker's acknowledgement)."""
        deliveries: Iterable[Delivery]
        deliveries, at = what
        for delivery in deliveries:
            self._records[delivery.id] = delivery.encode()
            if delivery.status == CLAIMED:
                self._intents[delivery.id] = at
            else:
                self._intents.pop(delivery.id, None)
            self._index(delivery)

    def _index(self, delivery: Delivery) -> None:
        """Keep the list of each digest's alerts; a single alert's lookup is its own id."""
        old = self._lookups.pop(delivery.id, None)
        if old is not None and old != delivery.lookup:
            del self._digests[old][delivery.id]
        if delivery.lookup is not None and delivery.lookup != delivery.id:
            self._lookups[delivery.id] = delivery.lookup
            self._digests.setdefault(delivery.lookup, {})[delivery.id] = None


def _place(delivery: Delivery) -> int:
    return int(delivery.moves[0][0]) if delivery.moves else delivery.offset


def _outdated(late: Delivery, known: Delivery) -> bool:
    """Whether a worker that had lost the partition wrote this record too late."""
    if late.revision != known.revision:
        return late.revision < known.revision
    return (
        known.status == RETRACTED
        and late.status in (CLAIMED, POSTED)
        and late.offset < known.offset
    )
