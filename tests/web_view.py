"""A view for the tests of the web side: a busy day of an invented product, "Larkbox"."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from feedback_app.load_settings import load
from feedback_app.settings import Settings
from feedback_app.stats.actions import DROP, DeadLetters, target_of
from feedback_app.stats.ledger import Ledger
from feedback_app.web.health import Health, Progress
from feedback_app.web.server import attach
from models import Account, Action, Delivery, Feedback, ScoredFeedback, WorkerStatus, rfc3339
from models.alert import alert_id
from tests.support.clocks import HandClock

NOW = 1_790_000_040.0

TEXTS = (
    ("Larkbox sync just saved my whole client presentation. Best app I pay for, honestly.", 0.97),
    ("The new export is so fast, I thought it had failed 😄", 0.95),
    ("Third crash this morning. I have lost an hour of notes. Fix your app.", 0.03),
    ("Does the team plan include shared folders?", 0.51),
    ("Oh great, another update that moves the search button. Exactly what I needed.", 0.14),
    ("Support answered within five minutes and stayed until it worked. Thank you, Ines!", 0.98),
    ("How do I turn off the weekly summary mail?", 0.44),
    ("Love the dark theme, hate the new icons, so… mixed feelings about 4.2", 0.55),
    ("Charged twice for March and nobody replies to my ticket.", 0.05),
    ("Moved 4,000 notes over from a competitor without a single hiccup", 0.92),
    ("Is there a keyboard shortcut for tags?", 0.5),
    ("The mobile app drains my battery like nothing else", 0.11),
    ("Einfach die beste Notiz-App, danke!", None),
    ("Meh. It works.", 0.42),
    ("4.2.1 is out: https://example.com/larkbox/notes", 0.6),
    ("Whoever designed the tag picker deserves a raise", 0.96),
    ("Offline mode still loses edits when two of us open the same page", 0.09),
    (
        "We rolled Larkbox out to 60 people this week. Zero questions so far, which says it all.",
        0.93,
    ),
)
AUTHORS = (
    "@mira_k",
    "@tobias.w",
    "Ana Prado",
    "@jun_ito",
    "@the_real_lena",
    "Sam O.",
    "@notes4all",
)
CHANNELS = ("#negative-feedback", "#positive-feedback")
ENVIRON = {
    "FEEDBACK_X_QUERY": "larkbox lang:en",
    "FEEDBACK_X_BEARER_TOKEN": "x-secret-0123456789",
    "FEEDBACK_SLACK_CHANNELS": "#customers",
    "FEEDBACK_SLACK_BOT_TOKEN": "xoxb-secret-0123456789",
}


@dataclass
class FakeView:
    """A WebView whose state a test sets."""

    settings: Settings
    ledger: Ledger = field(default_factory=Ledger)
    dead_letters: DeadLetters = field(default_factory=DeadLetters)
    recent: Sequence[ScoredFeedback] = ()
    recent_alerts: Sequence[Delivery] = ()
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    faults: dict[str, str] = field(default_factory=dict)
    assigned: bool = True
    stuck: bool = False
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def health(self) -> Health:
        """Return a working process, or one with a stuck stage."""
        moved = -100.0 if self.stuck else 0.0
        return Health(
            now=0.0,
            loop_at=0.0,
            consumer=Progress("consumer", 0.0, busy=True),
            stages=[Progress("sentiment", moved, busy=True)],
            assigned=self.assigned,
            model_loaded=True,
            faults=self.faults,
        )

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Add a listener; returns the unsubscribe."""
        self.listeners.append(changed)
        return lambda: self.listeners.remove(changed)

    def change(self) -> None:
        """Notify the listeners."""
        for changed in list(self.listeners):
            changed()


def empty_view(**environ: str) -> FakeView:
    """Return the view of a worker without data."""
    return FakeView(load(environ))


def busy_view(seed: int = 7, now: float = NOW, **environ: str) -> FakeView:
    """Return the view of two workers after a day of work on two sources; balanced."""
    view = FakeView(load(ENVIRON | environ), clock=HandClock(now))
    chance = random.Random(seed)
    view.recent = list(scored_messages(chance, now, 90))
    view.recent_alerts = list(deliveries(view.recent, now))
    for account in [*sentiment_accounts(chance, now), *delivery_accounts(now)]:
        view.ledger.apply(account)
    for status in statuses(now):
        view.ledger.apply(status)
    view.dead_letters.set_offsets(40, 43)
    for number in (41, 42):
        view.dead_letters.apply(Action(type=DROP, target=target_of(number, now)))
    return view


def scored_messages(chance: random.Random, now: float, n: int) -> Iterator[ScoredFeedback]:
    """Yield messages, the latest last, some seconds apart."""
    for i in range(n):
        text, score = TEXTS[(n - i) % len(TEXTS)]
        at = rfc3339(now - (n - i) * 4.1 + 2)
        on_x = chance.random() < 0.7
        yield ScoredFeedback(
            feedback=Feedback(
                id=f"x:{900 + i}" if on_x else f"slack:C1:{i}.0",
                text=text,
                source="x" if on_x else "slack",
                author=chance.choice(AUTHORS),
                url=f"https://x.example/status/{900 + i}" if on_x else None,
                created_at=at,
                received_at=at,
            ),
            score=score,
            label=label_of(score),
            probabilities=probabilities_of(score),
            model="minilm-feedback",
            scored_at=at,
        )


def label_of(score: float | None) -> str | None:
    """Return the label for a score."""
    if score is None:
        return None
    return "negative" if score < 0.35 else "positive" if score > 0.65 else "neutral"


def probabilities_of(score: float | None) -> dict[str, float] | None:
    """Return probabilities with this score."""
    if score is None:
        return None
    neutral = min(score, 1 - score)
    return {
        "negative": 1 - score - neutral / 2,
        "neutral": neutral,
        "positive": score - neutral / 2,
    }


def deliveries(messages: Sequence[ScoredFeedback], now: float) -> Iterator[Delivery]:
    """Yield the deliveries of the alerts on the messages."""
    found = [m for m in messages if m.score is not None and not 0.3 <= m.score <= 0.9]
    for i, message in enumerate(found):
        rule = "negative" if (message.score or 0) < 0.3 else "positive"
        last = len(found) - 1 - i
        status = "claimed" if last == 0 else "retracted" if last == 4 else "posted"
        yield Delivery(
            id=alert_id(rule, message.feedback.id),
            status=status,
            channel="C0NEGATIVE" if rule == "negative" else "C0POSITIVE",
            rule=rule,
            feedback_id=message.feedback.id,
            line=message.feedback.text,
            url=message.feedback.url,
            claimed_at=message.scored_at,
            updated_at=message.scored_at,
        )


def sentiment_accounts(chance: random.Random, now: float) -> Iterator[Account]:
    """Yield a day of accounts of four partitions, with a bad hour in it."""
    last = int(now // 60)
    for partition in range(4):
        offset = 0
        for back in range(1440, -1, -1):
            rush = 1.0 + 0.7 * ((back % 720) / 720) + (1.5 if 18 <= back <= 34 else 0)
            fill = now % 60 / 60 if back == 0 else 1
            counts = {}
            for source, rate in (("x", 2.6), ("slack", 0.9)):
                scored = int(chance.gauss(rate * rush, 1.0) * fill + 0.5)
                scored = max(0, scored)
                mood = 0.52 if 18 <= back <= 34 else 0.2
                negative = sum(chance.random() < mood for _ in range(scored))
                positive = sum(chance.random() < 0.45 for _ in range(scored - negative))
                unscored = int(chance.random() < 0.08)
                duplicate = int(chance.random() < 0.06)
                counts[source] = {
                    "ingested": scored + unscored + duplicate,
                    "scored": scored,
                    "unscored": unscored,
                    "duplicate": duplicate,
                    "label_negative": negative,
                    "label_positive": positive,
                    "label_neutral": scored - negative - positive,
                }
                offset += scored + unscored + duplicate
            yield Account(
                stage="sentiment",
                partition=partition,
                minute=rfc3339((last - back) * 60),
                offset=offset,
                counts=counts,
            )
    yield Account(
        stage="filter:worker-1",
        partition=0,
        minute=rfc3339(last * 60),
        offset=0,
        counts={"slack": {"filtered": 318}},
    )


def delivery_accounts(now: float) -> Iterator[Account]:
    """Yield the accounts of the delivery stage: one alert is pending, one dead-lettered."""
    yield Account(
        stage="delivery",
        partition=0,
        minute=rfc3339(now // 60 * 60),
        offset=4711,
        counts={
            CHANNELS[0]: {"created": 2214, "delivered": 2208, "retracted": 5, "dead_lettered": 1},
            CHANNELS[1]: {"created": 3380, "delivered": 3377, "retracted": 3},
        },
        ahead={CHANNELS[1]: {"created": 1, "pending": 1}},
    )


def statuses(now: float) -> Iterator[WorkerStatus]:
    """Yield the status of two workers and the last status of a stopped third."""
    for i, name in enumerate(("larkbox-feedback-0", "larkbox-feedback-1", "larkbox-feedback-2")):
        yield WorkerStatus(
            id=name,
            at=rfc3339(now - 1.5),
            started_at=rfc3339(now - 86_400),
            partitions={topic: [i, i + 2] for topic in ("polls", "raw", "scored", "alerts")},
            stages={
                "polls": {"lag": 0, "per_second": 0.1, "waiting_for": None},
                "sentiment": {"lag": 3 * i, "per_second": 4.6, "waiting_for": None},
                "alerts": {"lag": 0, "per_second": 4.6, "waiting_for": None},
                "delivery": {"lag": 1, "per_second": 0.7, "waiting_for": None},
            },
            sources={"x": {"state": "running", "detail": None, "last_message_at": rfc3339(now - 4)}}
            if i == 0
            else {"slack": {"state": "running", "last_message_at": rfc3339(now - 21)}},
            faults={},
            slack_connections=i,
            model="minilm-feedback",
            stopped=i == 2,
        )


async def serve(view: FakeView) -> tuple[web.AppRunner, str]:
    """Serve the view on a free port of loopback; returns the runner and the address."""
    app = web.Application()
    attach(app, view)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"
