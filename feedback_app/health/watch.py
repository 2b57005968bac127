"""Decides when a notice starts and when it ends. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from feedback_app.health import sources, stages
from feedback_app.health.facts import Facts
from feedback_app.health.notices_list import NOTICES
from feedback_app.health.records import Condition, Key, Record


def conditions(facts: Facts) -> dict[Key, Condition]:
    """Return every problem that exists now."""
    return dict([*sources.conditions(facts), *stages.conditions(facts)])


class Watch:
    """Debounces conditions: a start or an end counts only after it has lasted for a while.

    These timers are local; they start again after a change of leader.
    """

    def __init__(self) -> None:
        self._seen: dict[Key, float] = {}
        self._cleared: dict[Key, float] = {}

    def reset(self) -> None:
        """Restart all timers, as a new leader does."""
        self._seen.clear()
        self._cleared.clear()

    def step(
        self, found: Mapping[Key, Condition], records: Mapping[Key, Record], now: float
    ) -> dict[Key, Record]:
        """Return the records that are new or changed at `now` (Unix seconds)."""
        self._seen = {key: self._seen.get(key, now) for key in found}
        gone = [key for key, one in records.items() if one.until is None and key not in found]
        self._cleared = {key: self._cleared.get(key, now) for key in gone}
        changed = {}
        for key, condition in found.items():
            record = records.get(key)
            if record is None and now - self._seen[key] >= NOTICES[key.kind].hold_s:
                since = self._seen[key] if condition.since is None else condition.since
                changed[key] = Record(since, condition.text, condition.baseline)
            elif record is not None and record.until is not None and not record.start_posted:
                # Nothing was posted yet, so it is one incident, not two.
                changed[key] = replace(record, until=None)
        for key, since in self._cleared.items():
            if now - since >= NOTICES[key.kind].clear_s:
                changed[key] = replace(records[key], until=since)
        return changed
