"""The JSON of the latest messages and alerts. Pure."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from feedback_app.settings import Settings
from models import Delivery, ScoredFeedback
from models.delivery import CLAIMED, DEAD, POSTED, RETRACTED

MAX_MESSAGES = 50
MAX_ALERTS = 30
MAX_CHARACTERS = 600
SLACK_LINK = re.compile(r"<https?://[^|<>]*\|([^<>]*)>")
STATES = {CLAIMED: "posting", POSTED: "posted", RETRACTED: "withdrawn", DEAD: "failed"}

Json = dict[str, Any]


def newest_revisions(recent: Iterable[ScoredFeedback]) -> dict[str, ScoredFeedback]:
    """Return {feedback id: its newest revision}, in the order of arrival.

    A deletion wins over every revision.
    """
    found: dict[str, ScoredFeedback] = {}
    for scored in recent:
        known = found.get(scored.feedback.id)
        if known is None or _rank(scored) >= _rank(known):
            found.pop(scored.feedback.id, None)
            found[scored.feedback.id] = scored
    return found


def messages(known: Mapping[str, ScoredFeedback], limit: int = MAX_MESSAGES) -> list[Json]:
    """Return the latest messages, newest first, without deleted ones."""
    shown = [scored for scored in known.values() if scored.feedback.kind != "delete"]
    return [_message(scored) for scored in reversed(shown[-limit:])]


def alerts(
    deliveries: Sequence[Delivery],
    known: Mapping[str, ScoredFeedback],
    settings: Settings,
    limit: int = MAX_ALERTS,
) -> list[Json]:
    """Return the latest alerts, newest first, with state and channel name."""
    newest: dict[str, Delivery] = {}
    for delivery in deliveries:
        newest.pop(delivery.id, None)
        newest[delivery.id] = delivery
    channels = {rule.id: rule.channel for rule in settings.rules}
    return [
        _alert(delivery, known.get(delivery.feedback_id or ""), channels)
        for delivery in reversed(list(newest.values())[-limit:])
    ]


def web_link(url: str | None) -> str | None:
    """Return the URL if it is an http or https one, else None."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def _rank(scored: ScoredFeedback) -> tuple[bool, int]:
    return scored.feedback.kind == "delete", scored.feedback.revision


def _message(scored: ScoredFeedback) -> Json:
    feedback = scored.feedback
    return {
        "id": feedback.id,
        "text": _cut(feedback.text),
        "source": feedback.source,
        "author": feedback.author,
        "url": web_link(feedback.url),
        "kind": feedback.kind,
        "score": scored.score,
        "label": scored.label,
        "probabilities": scored.probabilities,
        "at": scored.scored_at or feedback.received_at or feedback.created_at,
    }


def _alert(delivery: Delivery, scored: ScoredFeedback | None, channels: Mapping[str, str]) -> Json:
    gone = delivery.status == RETRACTED or (scored is not None and scored.feedback.kind == "delete")
    return {
        "id": delivery.id,
        "channel": channels.get(delivery.rule or "", delivery.channel),
        "rule": delivery.rule,
        "state": STATES.get(delivery.status, delivery.status),
        "reason": delivery.reason,
        "digest": delivery.lookup is not None and delivery.lookup != delivery.id,
        "gone": gone,
        "text": None if gone else _alert_text(delivery, scored),
        "score": None if scored is None else scored.score,
        "url": None if gone else web_link(delivery.url),
        "at": delivery.updated_at or delivery.claimed_at,
    }


def _alert_text(delivery: Delivery, scored: ScoredFeedback | None) -> str | None:
    """Return the text, or None if neither the message nor a line of a digest is known."""
    if scored is not None:
        return _cut(scored.feedback.text)
    if delivery.line is None:
        return None
    # The line is Slack markup: <url|text> links, and three escaped characters.
    return _cut(html.unescape(SLACK_LINK.sub(r"\1", delivery.line).removeprefix("• ")))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
