"""The audit: from records and log entries to the report and the imbalances."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.demo.report import Thresholds, differences, make_report
from feedback_app.demo.sandbox_state import SandboxState
from feedback_app.demo.tally import Tally
from feedback_app.sandbox.log import Deleted, Entry, Fault, Posted, Put, Refused, Updated

THRESHOLDS = Thresholds(0.3, 0.9)
CHANNELS = {"C1": "#negative-feedback", "C2": "#positive-feedback"}
SCORES = {"x:1": 0.1, "x:2": 0.5, "x:3": 0.95}
RULES = {"x:1": ("negative", "C1"), "x:3": ("positive", "C2")}


class Run:
    """A small balanced run for tests to break."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.sandbox = SandboxState(frozenset({"#feedback"}))
        for number, (id, score) in enumerate(SCORES.items()):
            self.put("x", id.removeprefix("x:"))
            self.publish("raw", {"id": id, "text": "t"})
            self.score(id, score)
            if id in RULES:
                rule, channel = RULES[id]
                self.alert(id, "put", rule, channel)
                self.post(f"a-{id}", channel, f"{number}.0")
                self.deliver(f"a-{id}", "posted", channel, f"{number}.0")

    def publish(self, topic: str, data: dict[str, Any]) -> "Run":
        self.tally.apply(topic, b"key", orjson.dumps(data))
        return self

    def put(
        self, platform: Any, id: str, kind: Any = "create", channel: str | None = None
    ) -> "Run":
        self.sandbox.apply(
            Put(
                platform=platform,
                kind=kind,
                id=id,
                revision=id,
                author="ann",
                text="t",
                channel=channel,
            )
        )
        return self

    def score(self, id: str, score: float | None, revision: int = 0, kind: str = "create") -> "Run":
        feedback = {"id": id, "text": f"text of {id}", "revision": revision, "kind": kind}
        self.publish("scored", {"feedback": feedback, "score": score})
        return self

    def alert(self, id: str, op: str, rule: str = "negative", channel: str = "C1") -> None:
        self.publish(
            "alerts",
            {"id": f"a-{id}", "op": op, "rule": rule, "channel": channel, "feedback_id": id},
        )

    def deliver(self, id: str, status: str, channel: str, ts: str | None) -> None:
        self.publish("deliveries", {"id": id, "status": status, "channel": channel, "ts": ts})

    def post(self, *alerts_channel_ts: str, kind: type[Posted] | type[Updated] = Posted) -> None:
        *alerts, channel, ts = alerts_channel_ts
        metadata = {"event_type": "feedback_alert", "event_payload": {"alerts": alerts}}
        self.sandbox.apply(
            kind(
                at=100.0,
                channel=CHANNELS[channel],
                channel_id=channel,
                ts=ts,
                text="t",
                metadata=metadata,
            )
        )

    def imbalances(self) -> list[str]:
        return differences(self.tally, self.sandbox, THRESHOLDS)


def test_a_run_without_losses_balances() -> None:
    run = Run()
    assert run.imbalances() == []
    report = make_report(
        run.tally, run.sandbox, THRESHOLDS, CHANNELS, started_at=90.0, elapsed_s=30.0
    )
    assert report.as_dict() == {
        "ingested": 3,
        "scored": 3,
        "alerts": {"#negative-feedback": 1, "#positive-feedback": 1},
        "delivered": 2,
        "dead_letters": 0,
        "duplicates": 0,
        "pending": 0,
        "near_threshold": [],
        "first_alert_s": 10.0,
        "elapsed_s": 30.0,
    }


IMBALANCES: dict[str, tuple[Callable[[Run], object], str]] = {
    "a message was not ingested": (
        lambda run: run.put("x", "9"),
        "1 played, but not in raw",
    ),
    "a message was never played": (
        lambda run: (run.publish("raw", {"id": "x:9"}), run.score("x:9", 0.5)),
        "1 in raw, but never played",
    ),
    "a message was never scored": (
        lambda run: (run.put("x", "9"), run.publish("raw", {"id": "x:9"})),
        "1 in raw, but not in scored",
    ),
    "a score has no message": (
        lambda run: run.score("x:9", 0.5),
        "1 in scored, but not in raw",
    ),
    "an alert is missing": (
        lambda run: run.score("x:2", 0.05, revision=1),
        "1 beyond a threshold, but without an alert",
    ),
    "an alert has no matching score": (
        lambda run: run.alert("x:2", "put"),
        "1 alerts without a score beyond a threshold",
    ),
    "an alert is claimed only": (
        lambda run: run.deliver("a-x:1", "claimed", "C1", None),
        "1 alerts not delivered",
    ),
    "Slack lost the message": (
        lambda run: run.sandbox.apply(Deleted(channel="#n", channel_id="C1", ts="0.0")),
        "1 alerts not delivered",
    ),
    "the record points elsewhere": (
        lambda run: run.deliver("a-x:1", "posted", "C1", "7.0"),
        "1 alerts not delivered",
    ),
    "a message was posted twice": (
        lambda run: run.post("a-x:1", "C1", "8.0"),
        "1 Slack messages beyond one per alert",
    ),
    "a digest repeats a message": (
        lambda run: run.post("a-x:1", "a-new", "C1", "8.0"),
        "1 Slack messages beyond one per alert",
    ),
    "an unexpected dead letter": (
        lambda run: run.publish("dead-letters", {"topic": "x", "stage": "polls", "reason": "r"}),
        "1 dead letters beyond the malformed payloads",
    ),
    "a malformed payload was not dead-lettered": (
        lambda run: run.sandbox.apply(Fault(name="odd", platform="x", where="search")),
        "-1 dead letters beyond the malformed payloads",
    ),
    "a record cannot be read": (
        lambda run: run.tally.apply("raw", None, b"\xff"),
        "1 records that cannot be read",
    ),
    "a Slack deletion was missed": (
        lambda run: (
            run.put("slack", "C9:1.0", channel="#feedback"),
            run.publish("raw", {"id": "slack:C9:1.0"}),
            run.score("slack:C9:1.0", 0.5),
            run.put("slack", "C9:1.0", "delete", "#feedback"),
        ),
        "1 deleted in Slack, but not here",
    ),
}


@pytest.mark.parametrize("name", IMBALANCES)
def test_each_imbalance_is_reported(name: str) -> None:
    break_run, line = IMBALANCES[name]
    run = Run()
    break_run(run)
    assert line in run.imbalances()


def test_an_alert_retracted_by_an_edit_balances_with_its_update_in_slack() -> None:
    run = Run()
    run.score("x:1", 0.5, revision=1, kind="edit")
    run.alert("x:1", "retract")
    run.post("a-x:1", "C1", "0.0", kind=Updated)
    run.deliver("a-x:1", "retracted", "C1", "0.0")
    assert run.imbalances() == []


def test_a_deletion_wins_over_a_revision_that_comes_after_it() -> None:
    run = Run()
    run.score("x:2", None, revision=5, kind="delete")
    run.score("x:2", 0.05, revision=9, kind="edit")
    assert run.imbalances() == []


def test_a_late_older_revision_changes_nothing() -> None:
    run = Run()
    run.score("x:2", 0.5, revision=2, kind="edit")
    run.score("x:2", 0.01, revision=1, kind="edit")
    assert run.imbalances() == []


def test_a_post_deleted_on_x_before_it_was_searchable_is_not_missed() -> None:
    run = Run()
    run.put("x", "9")
    run.put("x", "9", "delete")
    assert run.imbalances() == []


def test_alerts_in_a_digest_are_delivered_by_its_message() -> None:
    run = Run()
    for number in (4, 5):
        id = f"x:{number}"
        run.put("x", str(number))
        run.publish("raw", {"id": id})
        run.score(id, 0.2)
        run.alert(id, "put")
        run.deliver(f"a-{id}", "posted", "C1", "50.0")
    assert "2 alerts not delivered" in run.imbalances()
    run.post("a-x:4", "a-x:5", "C1", "50.0")
    assert run.imbalances() == []


def test_messages_posted_by_the_say_command_are_feedback_only_in_feedback_channels() -> None:
    run = Run()
    for channel in ("#feedback", "#elsewhere"):
        run.sandbox.apply(
            Posted(
                channel=channel,
                channel_id="C9",
                ts="1.0" if channel == "#feedback" else "2.0",
                text="t",
                metadata={"event_type": "feedback_say", "event_payload": {}},
            )
        )
    assert "1 played, but not in raw" in run.imbalances()
    assert run.sandbox.duplicates() == 0


def test_scores_close_to_a_threshold_are_listed() -> None:
    run = Run()
    run.score("x:2", 0.3049, revision=1)
    report = make_report(
        run.tally, run.sandbox, THRESHOLDS, CHANNELS, started_at=0.0, elapsed_s=1.0
    )
    assert report.near_threshold == [{"text": "text of x:2", "score": 0.3049}]


@given(score=st.none() | st.floats(0, 1))
def test_the_thresholds_themselves_do_not_alert(score: float | None) -> None:
    rules = THRESHOLDS.rules_of(score)
    assert (rules == ("negative",)) == (score is not None and score < 0.3)
    assert (rules == ("positive",)) == (score is not None and score > 0.9)


def test_rate_limited_requests_are_counted() -> None:
    sandbox = SandboxState(frozenset())
    entries: list[Entry] = [
        Refused(platform="slack", method="chat.postMessage", status=429, error="ratelimited"),
        Refused(platform="slack", method="chat.postMessage", status=200, error="not_in_channel"),
    ]
    assert sandbox.apply_all(entries).rate_limited == 1
