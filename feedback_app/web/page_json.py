"""The JSON of the page, and what the web side needs from the worker."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from feedback_app.clock import Clock
from feedback_app.settings import Settings
from feedback_app.stats.actions import DeadLetters
from feedback_app.stats.ledger import Ledger
from feedback_app.stats.stats_json import faults, source_details, stats
from feedback_app.web import recent
from feedback_app.web.health import Health
from models import Delivery, ScoredFeedback

SENTIMENT_NAMES = (
    "ingested",
    "label_negative",
    "label_neutral",
    "label_positive",
    "duplicate",
    "dead_lettered",
)
HOUR_MINUTES = 60
DAY_MINUTES = 24 * 60
DAY_STEP = 15

Json = dict[str, Any]


class WebView(Protocol):
    """The worker, as the web side sees it; every member is cheap and none blocks."""

    @property
    def settings(self) -> Settings:
        """The configuration."""

    @property
    def ledger(self) -> Ledger:
        """The sums of the topic `stats`."""

    @property
    def dead_letters(self) -> DeadLetters:
        """The number of dead letters."""

    @property
    def recent(self) -> Sequence[ScoredFeedback]:
        """The latest records of `scored`, newest last."""

    @property
    def recent_alerts(self) -> Sequence[Delivery]:
        """The latest records of `deliveries`, newest last."""

    @property
    def clock(self) -> Clock:
        """The time."""

    def health(self) -> Health:
        """Return a snapshot of this process."""

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the event loop when something is new; returns the unsubscribe."""


def whole(view: WebView) -> Json:
    """Return the JSON of `/stats`."""
    return {
        **stats(view.ledger, view.settings, view.clock.time()),
        "dead_letters": view.dead_letters.counts(),
    }


def figures(view: WebView) -> Json:
    """Return `/stats` and what only the page shows."""
    live = view.ledger.workers(view.clock.time())
    labels = view.ledger.totals("sentiment").values()
    return {
        "stats": whole(view),
        "faults": faults(live),
        "details": source_details(live),
        "labels": {
            name: sum(counts.get(f"label_{name}", 0) for counts in labels)
            for name in ("negative", "neutral", "positive")
        },
        "model": next((status.model for status in live if status.model), None),
        "guarded": view.settings.web_token is not None,
        "thresholds": [view.settings.negative_below, view.settings.positive_above],
    }


def series(view: WebView, minutes: int, step: int) -> Json:
    """Return the counts of the sentiment stage over the last `minutes`, in bars of `step` minutes.

    `rows` are [start of the bar in Unix seconds, one count per name in `names`], oldest first. Bars
    start at multiples of `step`, so that they do not shift over time.
    """
    now = view.clock.time()
    end = (int(now // 60) // step + 1) * step * 60 - 1
    each = view.ledger.series("sentiment", end, minutes)
    rows = []
    for at in range(0, minutes, step):
        bar = [counts for _, counts in each[at : at + step]]
        sums = (sum(counts.get(name, 0) for counts in bar) for name in SENTIMENT_NAMES)
        rows.append([each[at][0], *sums])
    return {"step_s": step * 60, "names": SENTIMENT_NAMES, "rows": rows}


def latest(view: WebView) -> Json:
    """Return the latest messages and alerts, newest first."""
    known = recent.newest_revisions(view.recent)
    return {
        "messages": recent.messages(known),
        "alerts": recent.alerts(view.recent_alerts, known, view.settings),
    }


def parts(view: WebView) -> dict[str, bytes]:
    """Return every part of the page as JSON, by name."""
    found: dict[str, Any] = {
        "figures": figures(view),
        "hour": series(view, HOUR_MINUTES, 1),
        "day": series(view, DAY_MINUTES, DAY_STEP),
        **latest(view),
    }
    return {name: orjson.dumps(value) for name, value in found.items()}
