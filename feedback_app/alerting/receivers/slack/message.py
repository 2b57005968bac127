"""What alerts and notices look like in Slack. Pure.

All text from outside goes through `markup`, and every text object says `verbatim`, so nothing in
it pings, links or runs. Sizes stay under Slack's limits: 3,000 characters a section, 50 blocks, and
about 10,000 characters in all blocks together, which Slack enforces without documenting it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from feedback_app.alerting.receivers.slack.markup import escape, link, one_line, units
from feedback_app.slack.metadata import ALERT, NOTICE
from models import Alert

DIGEST_MOST = 40
"""Alerts in one digest."""
SECTION_UNITS = 2900
TEXT_UNITS = 2800
NOTICE_UNITS = 2000
LINE_UNITS = 210
"""A line of a digest: forty of them stay under the limit of all blocks together."""
BAR = 10
SIGNS = {"negative": "🔴", "neutral": "⚪", "positive": "🟢"}
CLASSES = ("negative", "neutral", "positive")


class SlackMessage(NamedTuple):
    """A Slack message: `text` for notifications, blocks for the channel, metadata for lookups."""

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]


def metadata(lookup: str, revision: int, alerts: Iterable[str]) -> dict[str, Any]:
    """Return the metadata of a message: the id to find it by, and the alerts that it carries."""
    payload = {"id": lookup, "revision": revision, "alerts": list(alerts)}
    return {"event_type": ALERT, "event_payload": payload}


def single(alert: Alert) -> SlackMessage:
    """Return the message of one alert."""
    title = headline(alert)
    text = escape(alert.text, TEXT_UNITS) or "_(no text)_"
    blocks = [section(f"{title}\n`{bar(alert.score)}`  {why(alert)}"), section(text)]
    blocks.append(context(origin(alert)))
    preview = one_line(alert.text, 200)
    return SlackMessage(
        f"{title}: {preview}" if preview else title,
        blocks,
        metadata(alert.id, alert.revision, [alert.id]),
    )


def withdrawn(alert: Alert) -> SlackMessage:
    """Return the note that replaces the message of a retracted alert."""
    note = withdrawal(alert)
    return SlackMessage(note, [context([note])], metadata(alert.id, alert.revision, [alert.id]))


def digest(lookup: str, revision: int, members: Sequence[tuple[str, str]]) -> SlackMessage:
    """Return one message for many alerts; `members` is (alert id, its `line`)."""
    title = f"*{len(members)} alert{'s' * (len(members) != 1)} in one message*"
    sections, gathered = [], ""
    for _, line in members:
        if gathered and units(gathered) + 1 + units(line) > SECTION_UNITS:
            sections.append(gathered)
            gathered = line
        else:
            gathered = f"{gathered}\n{line}" if gathered else line
    sections.append(gathered or "_(none)_")
    return SlackMessage(
        title.replace("*", ""),
        [section(title), *map(section, sections)],
        metadata(lookup, revision, [alert_id for alert_id, _ in members]),
    )


def notice(lookup: str, text: str) -> SlackMessage:
    """Return the message of a notice about the app itself, cut to 2,000 units."""
    shown = escape(text, NOTICE_UNITS)
    payload = {"event_type": NOTICE, "event_payload": {"id": lookup}}
    return SlackMessage(shown, [section(shown)], payload)


def line(alert: Alert) -> str:
    """Return an alert's line in a digest, of at most 210 units."""
    start = f"• {sign(alert)} {score(alert.score)} "
    name = one_line(alert.author or alert.source, 30) or "open"
    start += (link(alert.url, name, 130) or name) + ": "
    return start + (one_line(alert.text, LINE_UNITS - units(start)) or "…")


def withdrawn_line(alert: Alert) -> str:
    """Return the line of a retracted alert in a digest."""
    return f"• {withdrawal(alert)}"


def withdrawal(alert: Alert) -> str:
    """Return the note on a retracted alert, without its text."""
    if alert.score is None and not alert.text:
        return "_Withdrawn: its author deleted the message._"
    now = "" if alert.score is None else f" and now scores {score(alert.score)}"
    return f"_Withdrawn: the message was edited{now}._"


def headline(alert: Alert) -> str:
    """Return the first line of an alert: sign, class and score."""
    label = alert.label if alert.label in CLASSES else "unrated"
    return f"{sign(alert)} *{label.capitalize()} feedback, score {score(alert.score)}*"


def why(alert: Alert) -> str:
    """Return the probabilities in words, and the rule."""
    parts = [f"{name} {100 * p:.0f} %" for name, p in likely(alert.probabilities)]
    return " · ".join([*parts, f"rule {one_line(alert.rule, 70)}"])


def likely(probabilities: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    """Return (class, probability), the most probable first."""
    found = [(name, (probabilities or {}).get(name)) for name in CLASSES]
    known = [(name, float(p)) for name, p in found if isinstance(p, int | float)]
    return sorted(known, key=lambda pair: -pair[1])


def origin(alert: Alert) -> list[str]:
    """Return where an alert comes from: source, author, time and link."""
    parts = [f"source {one_line(alert.source, 80) or '?'}"]
    if author := one_line(alert.author or "", 80):
        parts.append(f"by {author}")
    if at := one_line(alert.created_at or "", 40):
        parts.append(at)
    if found := link(alert.url, "open the message"):
        parts.append(found)
    return parts


def sign(alert: Alert) -> str:
    """Return the sign of an alert's class."""
    return SIGNS.get(alert.label or "", "⚫")


def score(value: float | None) -> str:
    """Return a score in two digits."""
    return "?" if value is None else f"{value:.2f}"


def bar(value: float | None) -> str:
    """Return a score from 0 to 1 as ten marks."""
    full = round(BAR * min(1.0, max(0.0, value or 0.0)))
    return "▮" * full + "▯" * (BAR - full)


def section(text: str) -> dict[str, Any]:
    """Return a section block; `text` is escaped already."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(texts: Sequence[str]) -> dict[str, Any]:
    """Return a context block; `texts` are escaped already."""
    elements = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in texts]
    return {"type": "context", "elements": elements}
