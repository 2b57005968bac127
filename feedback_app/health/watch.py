"""When a notice begins and when it ends. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from feedback_app.health import sources, stages
from feedback_app.health.facts import Facts
from feedback_app.health.notices_list import NOTICES
from feedback_app.health.records import Condition, Key, Record


def conditions(facts: Facts) -> dict[Key, Condition]:
    """Return everything that is wrong now."""
    return dict([*sources.conditions(facts), *stages.conditions(facts)])


class Watch:
    """Holds a condition until it has lasted, and its end until that has, so that nothing flaps.

    Only these waits are this worker's own; after a change of leader they begin again.
    """

    def __init__(self) -> None:
        self._seen: dict[Key, float] = {}
        self._missed: dict[Key, float] = {}

    def forget(self) -> None:
        """Begin anew, as who leads from now on does."""
        self._seen.clear()
        self._missed.clear()

    def step(
        self, found: Mapping[Key, Condition], records: Mapping[Key, Record], now: float
    ) -> dict[Key, Record]:
        """Return the records that are new or changed at `now` (Unix seconds)."""
        self._seen = {key: self._seen.get(key, now) for key in found}
        gone = [key for key, one in records.items() if one.until is None and key not in found]
        self._missed = {key: self._missed.get(key, now) for key in gone}
        changed = {}
        for key, condition in found.items():
            record = records.get(key)
            if record is None and now - self._seen[key] >= NOTICES[key.kind].hold_s:
                since = self._seen[key] if condition.since is None else condition.since
                changed[key] = Record(since, condition.text, condition.mark)
            elif record is not None and record.until is not None and not record.told:
                # Nobody has heard of it yet: it is one stretch, not two.
                changed[key] = replace(record, until=None)
        for key, since in self._missed.items():
            if now - since >= NOTICES[key.kind].clear_s:
                changed[key] = replace(records[key], until=since)
        return changed
