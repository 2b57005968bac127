"""What the sandbox's log says: what people put in, and what stands in Slack."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from feedback_app.sandbox.log import Deleted, Entry, Fault, Posted, Put, Refused, Updated
from feedback_app.slack.metadata import ALERT, SAY


@dataclass
class Outside:
    """The state of the sandbox after the entries that were taken in."""

    listened: frozenset[str]
    """The channels whose messages are feedback, as `#name`."""
    put: dict[str, str] = field(default_factory=dict)
    """Feedback id to the last kind: create, edit or delete."""
    messages: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Channel id and ts of each alert message that stands, to the alerts in its metadata."""
    first_alert_at: float | None = None
    """When the first alert was posted, in seconds since the Unix epoch."""
    odd: int = 0
    """Payloads of no known shape that were given out."""
    faults: int = 0
    rate_limited: int = 0
    """Requests that were refused for coming too fast."""

    def take_all(self, entries: Iterable[Entry]) -> "Outside":
        """Take in entries in their order and return self."""
        for entry in entries:
            self.take(entry)
        return self

    def take(self, entry: Entry) -> None:
        """Take in one entry."""
        match entry:
            case Put():
                if entry.platform == "x" or entry.channel in self.listened:
                    self.put[f"{entry.platform}:{entry.id}"] = entry.kind
            case Posted():
                self._posted(entry)
            case Updated():
                self._keep((entry.channel_id, entry.ts), entry.metadata)
            case Deleted():
                self.messages.pop((entry.channel_id, entry.ts), None)
            case Fault():
                self.faults += 1
                self.odd += entry.name == "odd"
            case Refused():
                self.rate_limited += entry.status == 429

    def duplicates(self) -> int:
        """Return how many messages carry an alert that an earlier message carries already."""
        seen: set[str] = set()
        count = 0
        for _, carried in sorted(self.messages.items(), key=lambda item: float(item[0][1])):
            count += not seen.isdisjoint(carried)
            seen.update(carried)
        return count

    def carries(self, place: tuple[str, str | None], alert: str) -> bool:
        """Tell whether the message at a channel id and ts stands and carries the alert."""
        channel, ts = place
        carried = None if ts is None else self.messages.get((channel, ts))
        return carried is not None and alert in carried

    def _posted(self, entry: Posted) -> None:
        if (entry.metadata or {}).get("event_type") == SAY:
            if entry.channel in self.listened:
                self.put[f"slack:{entry.channel_id}:{entry.ts}"] = "create"
        elif self._keep((entry.channel_id, entry.ts), entry.metadata):
            self.first_alert_at = self.first_alert_at or entry.at

    def _keep(self, place: tuple[str, str], metadata: dict[str, object] | None) -> bool:
        if metadata is None or metadata.get("event_type") != ALERT:
            return False
        payload = metadata.get("event_payload")
        if isinstance(payload, dict):
            self.messages[place] = tuple(payload.get("alerts") or ())
        return True
