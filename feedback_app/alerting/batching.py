"""Which alerts go out together: one, or a digest. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feedback_app.alerting import delivery_records as records
from feedback_app.alerting.channel_queue import Entry
from feedback_app.alerting.receivers.base import Rendered, Renderer
from feedback_app.alerting.step import Step, decide
from models import Alert, Delivery, from_rfc3339, rfc3339
from models.delivery import POSTED


@dataclass(frozen=True, slots=True)
class Batch:
    """The alerts of one message: their intents, the message, the entries that wait for it."""

    channel: str
    entries: Sequence[Entry]
    intents: Sequence[Delivery]
    message: Rendered


def chosen(
    first: Entry,
    waiting: Iterable[Entry],
    channel: str,
    renderer: Renderer,
    *,
    above: int,
    max_age: float,
    now: float,
) -> Batch:
    """Return what goes out into a channel id with `first`, which has the turn and no message yet.

    More than `above` new alerts make a digest (0: never). So does a `first` older than `max_age`
    seconds, with the others that are; `now` in Unix seconds. A digest takes as many alerts as the
    receiver allows.
    """
    most = renderer.max_digest
    old = now - alerted_at(first) > max_age
    if not (above or old):
        return of_entries([first], channel, None, now, renderer)
    fresh = new_alerts(first, waiting, max(above, most))
    if above and len(fresh) > above:
        together = fresh[:most]
    elif old:
        together = [entry for entry in fresh if now - alerted_at(entry) > max_age][:most]
    else:
        return of_entries([first], channel, None, now, renderer)
    lookup = digest_id(entry.item.value.id for entry in together)
    return of_entries(together, channel, lookup, now, renderer)


def digest_id(alert_ids: Iterable[str]) -> str:
    """Return the id of a digest of these alerts: 32 hex digits."""
    return hashlib.sha256("\0".join(("digest", *alert_ids)).encode()).hexdigest()[:32]


def new_alerts(first: Entry, waiting: Iterable[Entry], most: int) -> list[Entry]:
    """Return `first` and the alerts behind it that have no message yet, one more than `most`.

    Of an alert with several records only the first can be one, so that none overtakes another.
    All are of one partition, because their intents are written together.
    """
    found, seen = [first], {first.item.value.id}
    for entry in waiting:
        if len(found) > most:
            break
        alert = entry.item.value
        if alert.id in seen or entry.item.state is not first.item.state:
            continue
        seen.add(alert.id)
        if decide(alert, entry.item.offset, entry.item.state.get(alert.id)) is Step.POST:
            found.append(entry)
    return found


def of_entries(
    entries: Sequence[Entry], channel: str, lookup: str | None, now: float, renderer: Renderer
) -> Batch:
    """Return the batch of new alerts, a digest where there is a lookup id."""
    items = [entry.item for entry in entries]
    intents = [
        records.intent(one, one.state.get(one.value.id), channel, lookup, now, renderer)
        for one in items
    ]
    message = (
        renderer.single(items[0].value) if lookup is None else _digest(lookup, intents, renderer)
    )
    return Batch(channel, entries, intents, message)


def of_intents(
    entry: Entry,
    channel: str,
    lookup: str,
    intents: Sequence[Delivery],
    together: Sequence[Delivery],
    now: float,
    renderer: Renderer,
) -> Batch:
    """Return the batch that posts again what was intended and not posted.

    A digest keeps its id and its members (`together`); `entry` is the one that has the turn.
    """
    if lookup == entry.item.value.id:
        return of_entries([entry], channel, None, now, renderer)
    again = [intent.derive(updated_at=rfc3339(now)) for intent in intents]
    return Batch(channel, [entry], again, _digest(lookup, together, renderer))


def of_change(
    after: Delivery, alert: Alert, together: Iterable[Delivery], renderer: Renderer
) -> Rendered:
    """Return the message with one alert changed: a single one, or the digest that it is in.

    `after` is the changed record, `together` are the records of its message before the change.
    """
    if after.lookup is None or after.lookup == after.id:
        return renderer.single(alert) if after.status == POSTED else renderer.withdrawal(alert)
    members = [after if one.id == after.id else one for one in together]
    lines = [(one.id, one.line or "") for one in members]
    return renderer.digest(after.lookup, after.revision, lines)


def alerted_at(entry: Entry) -> float:
    """Return when an alert was made, in Unix seconds."""
    try:
        return from_rfc3339(entry.item.value.alerted_at or "")
    except ValueError:
        return entry.item.timestamp


def _digest(lookup: str, members: Sequence[Delivery], renderer: Renderer) -> Rendered:
    revision = max(member.revision for member in members)
    return renderer.digest(lookup, revision, [(one.id, one.line or "") for one in members])
