"""The state of X and Slack, rebuilt from the sandbox's log."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from feedback_app.sandbox.log import Deleted, Entry, Fault, Posted, Put, Refused, Updated
from feedback_app.slack.metadata import ALERT, SAY


@dataclass
class SandboxState:
    """The state of the sandbox after the entries applied so far."""

    feedback_channels: frozenset[str]
    """The channels whose messages are feedback, as `#name`."""
    put: dict[str, str] = field(default_factory=dict)
    """Feedback id to the last kind: create, edit or delete."""
    messages: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Channel id and ts of each existing alert message, to the alert ids in its metadata."""
    first_alert_at: float | None = None
    """When the first alert was posted, in seconds since the Unix epoch."""
    malformed: int = 0
    """Malformed payloads that the sandbox sent."""
    faults: int = 0
    rate_limited: int = 0
    """Requests that were rate limited."""

    def apply_all(self, entries: Iterable[Entry]) -> "SandboxState":
        """Apply entries in order and return self."""
        for entry in entries:
            self.apply(entry)
        return self

    def apply(self, entry: Entry) -> None:
        """Apply one entry."""
        match entry:
            case Put():
                if entry.platform == "x" or entry.channel in self.feedback_channels:
                    self.put[f"{entry.platform}:{entry.id}"] = entry.kind
            case Posted():
                self._posted(entry)
            case Updated():
                self._update_alerts((entry.channel_id, entry.ts), entry.metadata)
            case Deleted():
                self.messages.pop((entry.channel_id, entry.ts), None)
            case Fault():
                self.faults += 1
                self.malformed += entry.name == "odd"
            case Refused():
                self.rate_limited += entry.status == 429

    def duplicates(self) -> int:
        """Return the number of messages with an alert that an earlier message already has."""
        seen: set[str] = set()
        count = 0
        for _, alerts in sorted(self.messages.items(), key=lambda item: float(item[0][1])):
            count += not seen.isdisjoint(alerts)
            seen.update(alerts)
        return count

    def has_alert(self, place: tuple[str, str | None], alert: str) -> bool:
        """Return whether the message at (channel id, ts) exists and has the alert."""
        channel, ts = place
        alerts = None if ts is None else self.messages.get((channel, ts))
        return alerts is not None and alert in alerts

    def _posted(self, entry: Posted) -> None:
        if (entry.metadata or {}).get("event_type") == SAY:
            if entry.channel in self.feedback_channels:
                self.put[f"slack:{entry.channel_id}:{entry.ts}"] = "create"
        elif self._update_alerts((entry.channel_id, entry.ts), entry.metadata):
            self.first_alert_at = self.first_alert_at or entry.at

    def _update_alerts(self, place: tuple[str, str], metadata: dict[str, object] | None) -> bool:
        if metadata is None or metadata.get("event_type") != ALERT:
            return False
        payload = metadata.get("event_payload")
        if isinstance(payload, dict):
            self.messages[place] = tuple(payload.get("alerts") or ())
        return True
