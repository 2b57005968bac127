"""One example of each record, and the command that writes them down as golden files."""

import json
import sys
from pathlib import Path

from models import (
    Account,
    Action,
    Alert,
    Cursor,
    DeadLetter,
    Delivery,
    Feedback,
    PollRequest,
    ScoredFeedback,
    Wire,
    WorkerStatus,
)

GOLDEN = Path(__file__).parents[2] / "golden"
LATEST = "v1"

AT = "2026-11-24T10:00:00.000Z"
FEEDBACK = Feedback(
    id="x:1850000000000000001",
    text="The kettle leaks 😡 & nobody answers",
    source="x",
    revision=1,
    kind="edit",
    lang="en",
    author="steamed_up",
    url="https://x.com/steamed_up/status/1850000000000000001",
    created_at=AT,
    received_at=AT,
)

EXAMPLES: dict[str, Wire] = {
    "feedback": FEEDBACK,
    "scored": ScoredFeedback(
        feedback=FEEDBACK,
        score=0.041,
        label="negative",
        probabilities={"negative": 0.93, "neutral": 0.058, "positive": 0.012},
        model="bundled (packed bf16)",
        scored_at=AT,
        partition=7,
        offset=1234,
        first=False,
    ),
    "alert": Alert(
        id="0123456789abcdef0123456789abcdef",
        op="put",
        rule="negative",
        channel="C0123456789",
        feedback_id=FEEDBACK.id,
        revision=1,
        text=FEEDBACK.text,
        score=0.041,
        label="negative",
        probabilities={"negative": 0.93, "neutral": 0.058, "positive": 0.012},
        source="x",
        author="steamed_up",
        url=FEEDBACK.url,
        created_at=AT,
        alerted_at=AT,
        channel_name="#negative-feedback",
    ),
    "delivery": Delivery(
        id="0123456789abcdef0123456789abcdef",
        status="posted",
        channel="C0123456789",
        revision=1,
        ts="1795515579.000100",
        lookup="0123456789abcdef0123456789abcdef",
        line="0.04 The kettle leaks",
        url=FEEDBACK.url,
        rule="negative",
        feedback_id=FEEDBACK.id,
        offset=12,
        claimed_at=AT,
        updated_at=AT,
    ),
    "action": Action(type="pause", target="x", actor="pat", at=AT),
    "cursor": Cursor(source="x", position="1850000000000000001", at=AT, gap_from=AT, gap_to=AT),
    "poll": PollRequest(source="x", due_at=AT),
    "account": Account(
        stage="delivery",
        partition=7,
        minute="2026-11-24T10:00:00.000Z",
        offset=12,
        counts={"#negative-feedback": {"created": 3, "delivered": 2}},
        ahead={"#negative-feedback": {"created": 1, "pending": 1}},
    ),
    "dead_letter": DeadLetter.of(
        topic="feedback.raw",
        partition=7,
        offset=1235,
        key=b"k",
        value=b"\xff not JSON",
        stage="sentiment",
        error="InvalidRecord",
        reason="not UTF-8: invalid start byte at byte 0",
        attempts=1,
        failed_at=AT,
    ),
    "worker_status": WorkerStatus(
        id="host-1-abc",
        at=AT,
        started_at=AT,
        partitions={"feedback.raw": [0, 1]},
        stages={"sentiment": {"lag": 0, "per_second": 1.5, "waiting_for": None}},
        sources={"x": {"state": "running", "detail": None, "last_message_at": AT}},
        faults={"slack": "ratelimited"},
        slack_connections=1,
        model="bundled (packed bf16)",
    ),
}


def write(version: str) -> None:
    """Write every example as a file of that version."""
    folder = GOLDEN / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, example in EXAMPLES.items():
        text = json.dumps(json.loads(example.encode()), indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
