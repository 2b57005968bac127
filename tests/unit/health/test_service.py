"""The health check of two workers that lead in turn and share the topics."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.health.notices import Notice, Notices
from feedback_app.health.notices_list import SOURCE_FAILING, SOURCE_SILENT
from feedback_app.health.records import read
from feedback_app.health.service import HealthWatch
from feedback_app.hop import Output, TransientError
from feedback_app.settings import Settings
from models import Cursor, rfc3339
from tests.support.clocks import HandClock
from tests.unit.health.cluster import START, Cluster

FAILING = {"sources": {"x": {"state": "failing", "detail": "X answers with 503"}}}


class RecordedNotices(Notices):
    """Records notices instead of posting them; `reachable` tells whether Slack answers."""

    def __init__(self, posted: list[Notice]) -> None:
        super().__init__("#ops", Receivers(Settings()), HandClock())
        self.posted, self.reachable = posted, True

    def post(self, notice: Notice, wanted: Callable[[], bool]) -> bool:
        self.wanted = wanted
        if self.reachable and notice.id not in {one.id for one in self.posted}:
            self.posted.append(notice)
        return self.reachable


class World:
    """A simulated cluster with two leaders that write to its topic `cursors`."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.posted: list[Notice] = []
        self.broker_fails = False
        self.leader, self.generation = "w1", 1
        self.clock = HandClock(START)
        self.watches = {name: self._watch(name) for name in ("w1", "w2")}
        self.cluster.beat()

    @property
    def cursors(self) -> dict[str, Cursor]:
        return self.cluster.cursors

    @property
    def ledger(self) -> object:
        return self.cluster.ledger

    def paused(self, source: str) -> bool:
        return source in self.cluster.paused

    async def caught_up(self) -> None:
        if self.broker_fails:
            raise TransientError("kafka", "away")

    async def produce(self, outputs: Sequence[Output]) -> None:
        if self.broker_fails:
            raise TransientError("kafka", "away")
        for output in outputs:
            assert (output.topic, output.partition) == ("cursors", 0)
            key = (output.key or b"").decode()
            if output.value is None:
                del self.cursors[key]
            else:
                self.cursors[key] = Cursor.decode(output.value)

    def _watch(self, name: str) -> HealthWatch:
        self.notices = getattr(self, "notices", {}) | {name: RecordedNotices(self.posted)}
        return HealthWatch(
            settings=self.cluster.settings,
            shared=self,  # type: ignore[arg-type]
            topic="cursors",
            produce=self.produce,
            notices=self.notices[name],
            is_leader=lambda: self.leader == name,
            generation=lambda: self.generation,
            clock=self.clock,
        )

    async def run(self, seconds: float, **beat: object) -> None:
        """Let both workers evaluate every two seconds."""
        for _ in range(int(seconds // 2)):
            self.cluster.later(2, **beat)
            self.clock.now = self.cluster.now
            for watch in self.watches.values():
                await watch.evaluate()

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.posted]


@pytest.fixture
def world() -> World:
    return World()


async def test_one_message_at_the_start_and_one_at_the_end(world: World) -> None:
    await world.run(300, **FAILING)
    assert [text.split(" (")[0] for text in world.texts] == [
        "⚠️ Source failing: x: X answers with 503"
    ]
    await world.run(100)
    assert len(world.posted) == 2
    assert world.texts[1].startswith("✅ Source failing (x): over after")
    assert read(world.cursors) == {}
    await world.run(100)
    assert len(world.posted) == 2


async def test_a_new_leader_repeats_nothing_and_ends_the_notices_of_its_predecessor(
    world: World,
) -> None:
    await world.run(100, **FAILING)
    world.leader = "w2"
    await world.run(100, **FAILING)
    assert len(world.posted) == 1
    await world.run(100)
    assert len(world.posted) == 2
    world.leader = "w1"
    await world.run(100)
    assert len(world.posted) == 2


async def test_a_notice_of_a_leader_that_died_before_it_posted_may_have_been_posted(
    world: World,
) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    assert [one.start_posted for one in read(world.cursors).values()] == [False]
    assert not world.posted
    world.leader = "w2"
    await world.run(10, **FAILING)
    (notice,) = world.posted
    # The previous leader may have posted it, up to the time of its record.
    (record,) = read(world.cursors).values()
    assert notice.perhaps_posted_at is not None
    assert notice.perhaps_posted_at < record.at


async def test_a_record_by_a_leader_whose_clock_is_ahead_is_no_later_than_now(world: World) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    (key,) = (key for key in world.cursors if key.startswith("notice|"))
    ahead = rfc3339(world.clock.now + 7200)
    world.cursors[key] = world.cursors[key].derive(at=ahead)
    world.leader = "w2"
    await world.run(10, **FAILING)
    (notice,) = world.posted
    # Otherwise the lookup of its message would wait for two hours.
    assert notice.perhaps_posted_at is not None
    assert max(notice.perhaps_posted_at, notice.written_at) <= world.clock.now


async def test_the_writer_of_a_record_knows_that_it_was_not_posted(world: World) -> None:
    await world.run(100, **FAILING)
    assert world.posted[0].perhaps_posted_at is None


async def test_after_an_outage_of_slack_both_messages_are_posted_in_order(
    world: World,
) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    await world.run(100)
    assert not world.posted
    world.notices["w1"].reachable = True
    await world.run(10)
    assert [text[0] for text in world.texts] == ["⚠", "✅"]
    assert read(world.cursors) == {}


async def test_an_outage_of_kafka_loses_no_notice(world: World) -> None:
    await world.run(70, **FAILING)
    assert len(world.posted) == 1
    world.broker_fails = True
    with pytest.raises(TransientError):
        await world.run(100)
    world.broker_fails = False
    await world.run(100)
    assert [text[0] for text in world.texts] == ["⚠", "✅"]


async def test_a_worker_that_does_not_lead_posts_nothing(world: World) -> None:
    world.leader = "nobody"
    await world.run(300, **FAILING)
    assert not world.posted
    assert read(world.cursors) == {}


async def test_a_refused_channel_is_reported_by_the_worker_that_met_it(world: World) -> None:
    notices = world.notices["w2"]
    notices.tell("channel:#positive-feedback", "#positive-feedback is archived")
    await world.run(4, faults=notices.raised.copy())
    assert notices.raised == {}
    assert ["#positive-feedback is archived" in text for text in world.texts] == [True]
    await world.run(100)
    assert len(world.posted) == 1
    world.cluster.count("delivery", **{"#positive-feedback": {"created": 1, "delivered": 1}})
    await world.run(4)
    assert len(world.posted) == 2


async def test_a_silent_source_is_reported_once_and_once_when_it_resumes(world: World) -> None:
    running = {"sources": {"x": "running"}}
    world.cluster.paused = {"slack"}
    await world.run(700, **running)
    assert [SOURCE_SILENT in text for text in world.texts] == [True]
    world.cluster.deliver("x")
    await world.run(4, **running)
    assert len(world.posted) == 2
    assert SOURCE_FAILING not in str(world.texts)


@given(
    st.lists(
        st.tuples(
            st.booleans(),  # whether the source fails
            st.sampled_from(["w1", "w2"]),
            st.booleans(),  # whether Slack answers
            st.integers(1, 60),
        ),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_starts_and_ends_always_alternate_and_all_are_posted_in_the_end(
    steps: list[tuple[bool, str, bool, int]],
) -> None:
    async def play() -> None:
        world = World()
        world.cluster.paused = {"slack"}
        for fails, leader, reachable, rounds in [*steps, (False, "w1", True, 60)]:
            world.leader = leader
            for notices in world.notices.values():
                notices.reachable = reachable
            world.cluster.deliver("x")
            await world.run(2 * rounds, **(FAILING if fails else {"sources": {"x": "running"}}))
        failing = [text[0] for text in world.texts if "Source failing" in text]
        assert failing == ["⚠", "✅"] * (len(failing) // 2)
        assert len({one.id for one in world.posted}) == len(world.posted)
        assert not any(key.kind == SOURCE_FAILING for key in read(world.cursors))

    asyncio.run(play())


async def test_a_leader_that_stalled_posts_no_notice_of_before(world: World) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    decided = world.notices["w1"].wanted
    assert decided()
    world.clock.now += 30  # frozen, and w2 led meanwhile
    assert not decided()
    await world.watches["w1"].evaluate()
    assert not world.posted
    for _ in range(10):
        world.clock.now += 1
        assert not decided()
    # It leads again, or still; the notice of before is looked up first.
    world.notices["w1"].reachable = True
    await world.watches["w1"].evaluate()
    (notice,) = world.posted
    assert notice.perhaps_posted_at is not None
    assert world.notices["w1"].wanted()


async def test_after_a_new_generation_of_the_group_earlier_notices_are_looked_up(
    world: World,
) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    decided = world.notices["w1"].wanted
    world.generation += 2  # another may have led in between
    assert not decided()
    world.notices["w1"].reachable = True
    await world.run(2, **FAILING)
    (notice,) = world.posted
    assert notice.perhaps_posted_at is not None


async def test_accounts_that_differ_for_two_minutes_are_reported_and_so_is_their_end(
    world: World,
) -> None:
    world.cluster.count("sentiment", x={"ingested": 5, "scored": 4})
    await world.run(118)
    assert not world.posted
    await world.run(10)
    (text,) = world.texts
    assert text.startswith("⚠️ Accounts out of balance: source x: 5 ingested, 4 found")
    world.cluster.count("sentiment", x={"duplicate": 1})
    await world.run(60)
    assert [one.split(":")[0] for one in world.texts[1:]] == ["✅ Accounts out of balance"]
