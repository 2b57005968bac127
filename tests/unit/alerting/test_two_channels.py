"""Two channels in one partition, of which Slack limits one: the other goes on as if alone."""

import asyncio

from feedback_app.alerting.outcome import NotDone, Outcome
from tests.unit.alerting.virtual import START, VirtualClock, run
from tests.unit.alerting.world import NEGATIVE, POSITIVE, NewReceiver, Topic, Worker, alert

EVERY_S, ALERTS = 0.05, 2000
RETRY_AFTER_S, LIMITED_S = 30, 70.0


def test_a_retry_after_of_one_channel_leaves_the_others_p99_under_two_seconds(
    receiver: NewReceiver,
) -> None:
    slack, clock = receiver(), VirtualClock()
    asked: dict[str, float] = {}

    def limited(call: str, channel: str) -> Outcome | None:
        early = clock.time() < START + LIMITED_S
        return NotDone("ratelimited", RETRY_AFTER_S) if channel == NEGATIVE and early else None

    async def story() -> None:
        slack.calls = limited
        worker = Worker(Topic(), slack)

        async def later(n: int) -> None:
            await asyncio.sleep(n * EVERY_S)
            one = alert(f"x:{n}", channel=(NEGATIVE, POSITIVE)[n % 2])
            asked[one.id] = clock.time()
            await worker.deliver(n, one)

        await asyncio.gather(*map(later, range(ALERTS)))

    run(story())
    took: dict[str, list[float]] = {}
    for channel in (NEGATIVE, POSITIVE):
        posts = [(one.at, one.content.lookup) for one in slack.standing(channel).values()]
        assert posts == sorted(posts, key=lambda post: asked[post[1]])  # in their order
        took[channel] = sorted(at - asked[name] for at, name in posts)
        assert len(posts) == ALERTS / 2
    assert took[POSITIVE][round(ALERTS / 2 * 0.99) - 1] < 2
    assert min(one.at for one in slack.standing().values()) >= START + LIMITED_S
    # Each request into the limited channel is as far from the next as Slack asked for.
    early = [at for at, channel in slack.posted() if channel == NEGATIVE and at < START + LIMITED_S]
    assert len(early) == 1 + LIMITED_S // RETRY_AFTER_S
