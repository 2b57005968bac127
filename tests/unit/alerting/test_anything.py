"""Whatever comes in and whatever Slack answers: one message an alert, and the accounts add up."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.alerting.outcome import NotDone, Outcome, Refused, Uncertain
from feedback_app.hop import Result
from models import Alert
from models.delivery import POSTED
from tests.unit.alerting.virtual import run
from tests.unit.alerting.world import (
    Fake,
    FakeSlack,
    NewReceiver,
    Topic,
    Worker,
    alert,
    kafka_down,
    retract,
    total,
)

records = st.lists(
    st.builds(
        lambda feedback, revision, put: (
            alert(f"x:{feedback}", revision) if put else retract(f"x:{feedback}", revision)
        ),
        st.integers(1, 5),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=14,
)
ANSWERS: list[Outcome | None] = [
    NotDone("ratelimited", 3),
    NotDone("ClientConnectorError"),
    Uncertain("HTTP 503"),
    Refused("invalid_blocks", whole_channel=False),
    Refused("is_archived", whole_channel=True),
]
answers = st.lists(st.sampled_from([None, None, None, *ANSWERS]), max_size=20)


def balanced(counts: dict[str, int]) -> bool:
    """Whether every alert counts as exactly one of the ends, or as pending."""
    ends = ("delivered", "retracted", "dead_lettered", "pending")
    return counts.get("created", 0) == sum(counts.get(name, 0) for name in ends)


@pytest.mark.parametrize("receiver", [FakeSlack, Fake], ids=["slack", "memory"])
@settings(max_examples=150, deadline=None)
@given(
    records,
    answers,
    st.sets(st.integers(0, 10)),
    st.sets(st.integers(1, 12)),
    st.sampled_from([0, 1, 3]),
    st.floats(0.005, 40),
)
def test_one_message_an_alert_and_balanced_accounts(
    receiver: NewReceiver,
    alerts: Sequence[Alert],
    answers: Sequence[Outcome | None],
    lost: set[int],
    outages: set[int],
    digest_above: int,
    lifetime: float,
) -> None:
    async def story() -> None:
        topic, slack = Topic(), receiver()
        coming = list(answers)
        slack.calls = lambda call, channel: coming.pop(0) if coming and call != "delete" else None
        slack.lost = lambda number: number in lost
        first = Worker(topic, slack, alert_digest_above=digest_above)
        first.before_produce = lambda number: kafka_down() if number in outages else None
        items = [first.item(offset, one) for offset, one in enumerate(alerts)]
        tasks = [asyncio.ensure_future(first.outbox.deliver(item)) for item in items]
        await asyncio.sleep(lifetime)
        ahead = [
            task.result() if task.done() else Result(counts=first.outbox.pending(item))
            for task, item in zip(tasks, items, strict=True)
        ]
        assert balanced(total(ahead))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await first.outbox.close()
        second = Worker(topic, slack, alert_digest_above=digest_above)
        results = await second.deliver_all(alerts)
        counts = total(results)
        assert balanced(counts)
        assert "pending" not in counts
        assert max(slack.carried().values(), default=0) <= 1
        known = {one.id: second.state.get(one.id) for one in alerts}
        standing = sum(one is not None and one.status == POSTED for one in known.values())
        assert counts.get("delivered", 0) == standing
        again = await Worker(topic, slack, alert_digest_above=digest_above).deliver_all(alerts)
        assert total(again) == counts

    run(story())
