"""The receivers of a worker, and the receiver of each channel by the form of its name."""

from collections.abc import Collection, Sequence

from feedback_app.alerting.receivers.base import Receiver, Resolved
from feedback_app.alerting.receivers.kind import ReceiverKind
from feedback_app.alerting.receivers.registry import KINDS, kind_of
from feedback_app.hop.errors import BadRecord
from feedback_app.settings import Settings

NO_RECEIVER = "no receiver has channels like {!r}"


class Receivers:
    """The receivers of this worker, each made when its first channel is asked for."""

    def __init__(self, settings: Settings, kinds: Sequence[ReceiverKind] = KINDS) -> None:
        self._settings, self._kinds = settings, kinds
        self._made: dict[str, Receiver] = {}

    def get(self, channel: str) -> Receiver | None:
        """Return the receiver of a channel, as configured or by id; None where there is none."""
        kind = kind_of(channel, self._kinds)
        return None if kind is None else self._receiver(kind)

    def of(self, channel: str) -> Receiver:
        """Return the receiver of an alert's channel; raises BadRecord where there is none."""
        return self._receiver(self._kind(channel))

    def posts_per_second(self, channel: str) -> float:
        """Return the pace of an alert's channel; raises BadRecord where it has no receiver."""
        return self._kind(channel).posts_per_second(self._settings)

    def _kind(self, channel: str) -> ReceiverKind:
        kind = kind_of(channel, self._kinds)
        if kind is None:
            raise BadRecord(NO_RECEIVER.format(channel))
        return kind

    def _receiver(self, kind: ReceiverKind) -> Receiver:
        if kind.name not in self._made:
            self._made[kind.name] = kind.build(self._settings)
        return self._made[kind.name]

    async def verify(self, channels: Collection[str]) -> Resolved:
        """Look for channels of any receiver, as configured, and verify ids too.

        Raises ConfigurationError and TransientError, as `Receiver.resolve` does.
        """
        ids: dict[str, str] = {}
        unknown = {name: NO_RECEIVER.format(name) for name in channels if self.get(name) is None}
        for kind in self._kinds:
            names = {name for name in channels if kind_of(name, self._kinds) is kind}
            if names:
                found = await self._receiver(kind).resolve(names, verify=True)
                ids |= found.ids
                unknown |= found.unknown
        return Resolved(ids, unknown)

    async def close(self) -> None:
        """Close the connections of all."""
        for receiver in self._made.values():
            await receiver.close()
