"""Which alerts go out together: one, or a digest; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feedback_app.alerting import records
from feedback_app.alerting.channel_queue import Entry
from feedback_app.alerting.message import DIGEST_MOST, Message, digest, digest_id, single
from feedback_app.alerting.step import Step, decide
from models import Delivery, from_rfc3339, rfc3339


@dataclass(frozen=True, slots=True)
class Batch:
    """The alerts of one message: their claims, the message, and the entries that wait for it."""

    channel: str
    entries: Sequence[Entry]
    intents: Sequence[Delivery]
    message: Message


def chosen(
    first: Entry, waiting: Iterable[Entry], channel: str, *, above: int, max_age: float, now: float
) -> Batch:
    """Return what goes out into a channel id with `first`, which has the turn and no message yet.

    More than `above` new alerts make a digest (0: never), as does a `first` older than `max_age`
    seconds, with the others that are; `now` in Unix seconds. A digest takes at most 40.
    """
    old = now - alerted_at(first) > max_age
    if not (above or old):
        return of_entries([first], channel, None, now)
    fresh = new_alerts(first, waiting, max(above, DIGEST_MOST))
    if above and len(fresh) > above:
        together = fresh[:DIGEST_MOST]
    elif old:
        together = [entry for entry in fresh if now - alerted_at(entry) > max_age][:DIGEST_MOST]
    else:
        return of_entries([first], channel, None, now)
    lookup = digest_id(entry.item.value.id for entry in together)
    return of_entries(together, channel, lookup, now)


def new_alerts(first: Entry, waiting: Iterable[Entry], most: int) -> list[Entry]:
    """Return `first` and the alerts behind it that have no message yet, one more than `most`.

    Of an alert with several records only the first can be one: the others must not overtake it.
    All are of one partition, because their claims are written together.
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


def of_entries(entries: Sequence[Entry], channel: str, lookup: str | None, now: float) -> Batch:
    """Return the batch of new alerts, a digest where there is a lookup id."""
    items = [entry.item for entry in entries]
    intents = [
        records.intent(one, one.state.get(one.value.id), channel, lookup, now) for one in items
    ]
    message = single(items[0].value) if lookup is None else _digest(lookup, intents)
    return Batch(channel, entries, intents, message)


def of_claims(
    entry: Entry,
    channel: str,
    lookup: str,
    intents: Sequence[Delivery],
    together: Sequence[Delivery],
    now: float,
) -> Batch:
    """Return the batch that claims and posts again what was claimed and not posted.

    A digest keeps its id and its members (`together`); `entry` is the one that has the turn.
    """
    if lookup == entry.item.value.id:
        return of_entries([entry], channel, None, now)
    again = [intent.derive(updated_at=rfc3339(now)) for intent in intents]
    return Batch(channel, [entry], again, _digest(lookup, together))


def alerted_at(entry: Entry) -> float:
    """Return when an alert was made, in Unix seconds."""
    try:
        return from_rfc3339(entry.item.value.alerted_at or "")
    except ValueError:
        return entry.item.timestamp


def _digest(lookup: str, members: Sequence[Delivery]) -> Message:
    revision = max(member.revision for member in members)
    return digest(lookup, revision, [(member.id, member.line or "") for member in members])
