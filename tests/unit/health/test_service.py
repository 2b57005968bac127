"""The watch on two workers that take turns as leader, with the topics between them."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_app.alerting.receivers.registry import Receivers
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


class Said(Notices):
    """Notices that are taken down and not posted; `reachable` says whether Slack is there."""

    def __init__(self, said: list[Notice]) -> None:
        super().__init__("#ops", Receivers(Settings()), HandClock())
        self.said, self.reachable = said, True

    def post(self, notice: Notice, wanted: Callable[[], bool]) -> bool:
        self.wanted = wanted
        if self.reachable and notice.id not in {one.id for one in self.said}:
            self.said.append(notice)
        return self.reachable


class World:
    """A cluster on paper whose topic `cursors` two leaders write to."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.said: list[Notice] = []
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
        return source in self.cluster.stopped

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
        self.notices = getattr(self, "notices", {}) | {name: Said(self.said)}
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
        """Let both workers look every two seconds."""
        for _ in range(int(seconds // 2)):
            self.cluster.later(2, **beat)
            self.clock.now = self.cluster.now
            for watch in self.watches.values():
                await watch.look()

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.said]


@pytest.fixture
def world() -> World:
    return World()


async def test_one_message_at_the_start_and_one_at_the_end(world: World) -> None:
    await world.run(300, **FAILING)
    assert [text.split(" (")[0] for text in world.texts] == [
        "⚠️ Source failing: x: X answers with 503"
    ]
    await world.run(100)
    assert len(world.said) == 2
    assert world.texts[1].startswith("✅ Source failing (x): over after")
    assert read(world.cursors) == {}
    await world.run(100)
    assert len(world.said) == 2


async def test_a_new_leader_repeats_nothing_and_ends_what_another_began(world: World) -> None:
    await world.run(100, **FAILING)
    world.leader = "w2"
    await world.run(100, **FAILING)
    assert len(world.said) == 1
    await world.run(100)
    assert len(world.said) == 2
    world.leader = "w1"
    await world.run(100)
    assert len(world.said) == 2


async def test_a_leader_that_died_before_it_posted_is_carried_on_with_care(world: World) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    assert [one.told for one in read(world.cursors).values()] == [False]
    assert not world.said
    world.leader = "w2"
    await world.run(10, **FAILING)
    (notice,) = world.said
    # The one before may have posted it: its record says until when.
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
    (notice,) = world.said
    # Else its message is waited for, and looked for, two hours from now.
    assert notice.perhaps_posted_at is not None
    assert max(notice.perhaps_posted_at, notice.written_at) <= world.clock.now


async def test_who_wrote_the_record_knows_that_nobody_posted_it(world: World) -> None:
    await world.run(100, **FAILING)
    assert world.said[0].perhaps_posted_at is None


async def test_slack_away_for_all_of_it_gives_both_messages_afterwards_in_order(
    world: World,
) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    await world.run(100)
    assert not world.said
    world.notices["w1"].reachable = True
    await world.run(10)
    assert [text[0] for text in world.texts] == ["⚠", "✅"]
    assert read(world.cursors) == {}


async def test_kafka_away_loses_no_notice(world: World) -> None:
    await world.run(70, **FAILING)
    assert len(world.said) == 1
    world.broker_fails = True
    with pytest.raises(TransientError):
        await world.run(100)
    world.broker_fails = False
    await world.run(100)
    assert [text[0] for text in world.texts] == ["⚠", "✅"]


async def test_who_does_not_lead_says_nothing(world: World) -> None:
    world.leader = "nobody"
    await world.run(300, **FAILING)
    assert not world.said
    assert read(world.cursors) == {}


async def test_a_refused_channel_is_handed_over_by_the_worker_that_met_it(world: World) -> None:
    told = world.notices["w2"]
    told.tell("channel:#positive-feedback", "#positive-feedback is archived")
    await world.run(4, faults=told.raised.copy())
    assert told.raised == {}
    assert ["#positive-feedback is archived" in text for text in world.texts] == [True]
    await world.run(100)
    assert len(world.said) == 1
    world.cluster.counted("delivery", **{"#positive-feedback": {"created": 1, "delivered": 1}})
    await world.run(4)
    assert len(world.said) == 2


async def test_a_silent_source_is_told_once_and_again_when_it_speaks(world: World) -> None:
    running = {"sources": {"x": "running"}}
    world.cluster.stopped = {"slack"}
    await world.run(700, **running)
    assert [SOURCE_SILENT in text for text in world.texts] == [True]
    world.cluster.brings("x")
    await world.run(4, **running)
    assert len(world.said) == 2
    assert SOURCE_FAILING not in str(world.texts)


@given(
    st.lists(
        st.tuples(
            st.booleans(),  # whether the source fails
            st.sampled_from(["w1", "w2"]),
            st.booleans(),  # whether Slack is there
            st.integers(1, 60),
        ),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_whatever_happens_starts_and_ends_take_turns_and_all_are_told_in_the_end(
    steps: list[tuple[bool, str, bool, int]],
) -> None:
    async def play() -> None:
        world = World()
        world.cluster.stopped = {"slack"}
        for fails, leader, reachable, looks in [*steps, (False, "w1", True, 60)]:
            world.leader = leader
            for notices in world.notices.values():
                notices.reachable = reachable
            world.cluster.brings("x")
            await world.run(2 * looks, **(FAILING if fails else {"sources": {"x": "running"}}))
        failing = [text[0] for text in world.texts if "Source failing" in text]
        assert failing == ["⚠", "✅"] * (len(failing) // 2)
        assert len({one.id for one in world.said}) == len(world.said)
        assert not any(key.kind == SOURCE_FAILING for key in read(world.cursors))

    asyncio.run(play())


async def test_a_leader_that_stood_still_posts_nothing_that_it_had_decided_on(world: World) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    decided = world.notices["w1"].wanted
    assert decided()
    world.clock.now += 30  # frozen, and w2 led meanwhile
    assert not decided()
    await world.watches["w1"].look()
    assert not world.said
    for _ in range(10):
        world.clock.now += 1
        assert not decided()
    # It leads again, or still: whatever it decided on before is looked for first.
    world.notices["w1"].reachable = True
    await world.watches["w1"].look()
    (notice,) = world.said
    assert notice.perhaps_posted_at is not None
    assert world.notices["w1"].wanted()


async def test_after_another_generation_of_the_group_what_was_decided_on_is_looked_for(
    world: World,
) -> None:
    world.notices["w1"].reachable = False
    await world.run(100, **FAILING)
    decided = world.notices["w1"].wanted
    world.generation += 2  # another may have led in between
    assert not decided()
    world.notices["w1"].reachable = True
    await world.run(2, **FAILING)
    (notice,) = world.said
    assert notice.perhaps_posted_at is not None


async def test_accounts_that_differ_for_two_minutes_are_told_and_so_is_their_end(
    world: World,
) -> None:
    world.cluster.counted("sentiment", x={"ingested": 5, "scored": 4})
    await world.run(118)
    assert not world.said
    await world.run(10)
    (text,) = world.texts
    assert text.startswith("⚠️ Accounts out of balance: source x: 5 ingested, 4 found")
    world.cluster.counted("sentiment", x={"duplicate": 1})
    await world.run(60)
    assert [one.split(":")[0] for one in world.texts[1:]] == ["✅ Accounts out of balance"]
