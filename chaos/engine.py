"""Carries out a schedule of faults on a fleet under load, mends everything, and audits."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chaos import schedule as kinds
from chaos.audit import Audit
from chaos.cluster import fill_disk, leader, send_poison, serves
from chaos.fleet import PARTITIONS, SESSION_S, Fleet
from chaos.link import Link
from chaos.load import People, acts
from chaos.processes import WorkerProcess
from chaos.recovery import StallDetector, longest, standstills
from chaos.schedule import Fault
from feedback_app.broker import LocalKafka, Node
from feedback_app.sandbox import Rate

SHARE = 0.3
"""How likely each fault is on each occasion, while it is asked for."""
LATE_S = (8.5, 10.0)
"""Slow answers: longer than a post is waited for, so that it was taken and nobody knows."""
STOPS_WITHIN_S = 20.0
AFTERMATH_S = SESSION_S + 2
"""How long after its end a fault can still make the group rebalance."""
BURST_POSTS = 150
"""More than a page of search holds."""
SETTLES_WITHIN_S = 150.0
"""Long enough for an uncertain post to be looked up and for a double to be removed."""


@dataclass(frozen=True)
class Run:
    """What is asked for: messages and their rate a second, workers, and the faults."""

    seed: int
    messages: int
    rate: float
    faults: Sequence[Fault]
    workers: int = 2


@dataclass
class Outcome:
    """What came of a run."""

    audit: Audit
    faults: Counter[str] = field(default_factory=Counter)
    recovery_s: float = 0.0
    """The longest time that a partition of `raw` stood still while it had records."""
    recovery_by_kind: dict[str, float] = field(default_factory=dict)
    """The longest standstill that only faults of this kind can have caused."""
    seconds: float = 0.0


class Engine:
    """One run on one fleet."""

    def __init__(self, run: Run, fleet: Fleet, broker: LocalKafka) -> None:
        self._run, self._fleet, self._broker = run, fleet, broker
        self._people = People(fleet.sandbox)
        self._times: list[tuple[str, float, float]] = []
        self._turn = asyncio.Lock()
        self._began = time.monotonic()
        self._asked: Counter[str] = Counter()
        self._slack, self._x = Counter[str](), Counter[str]()
        fleet.sandbox.faults.slow_seconds = LATE_S
        fleet.sandbox.faults.rates |= {name: Rate(SHARE, 1_000_000) for name in kinds.ASKED_FOR}
        self._actions: Mapping[str, Callable[[Fault], Awaitable[None]]] = {
            kinds.KILL: self._kill,
            kinds.TERM: self._stop,
            kinds.ZOMBIE: self._freeze,
            kinds.RESTART: self._restart_all,
            kinds.BROKER_KILL: self._kill_broker,
            kinds.BROKER_PAUSE: self._pause_broker,
            kinds.LEADER_KILL: self._kill_leader,
            kinds.CLUSTER_DOWN: self._cluster_away,
            kinds.DISK_FULL: self._fill_disk,
            kinds.SOCKETS_CUT: self._cut_sockets,
            kinds.BURST: self._burst,
            kinds.POISON: self._poison,
            kinds.CHANNEL_LIMITED: self._limit_channel,
            kinds.SLACK_DOWN: self._slack_away,
            kinds.SLACK_HANGS: self._slack_away,
            kinds.X_DOWN: self._x_away,
            kinds.X_HANGS: self._x_away,
        } | dict.fromkeys(kinds.ASKED_FOR, self._ask)

    async def carry_out(self) -> Outcome:
        """Run to the end; raises AssertionError where a worker does what it must not."""
        await self._fleet.start_workers(self._run.workers)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load())
            for fault in self._run.faults:
                group.create_task(self._happen(fault))
        for worker in self._fleet.living:
            await worker.ready(self._fleet.session)
        return self.outcome(await self._fleet.settled(SETTLES_WITHIN_S))

    def outcome(self, found: Audit) -> Outcome:
        """Return what came of it, up to now."""
        topics = self._fleet.observer.topics
        still = standstills(topics)
        return Outcome(
            found,
            Counter(fault.kind for fault in self._run.faults),
            round(longest(still), 1),
            self._blamed(still),
            round(time.monotonic() - self._began, 1),
        )

    async def _load(self) -> None:
        for act in acts(self._run.messages, self._run.seed):
            self._people.do(act)
            await asyncio.sleep(1 / self._run.rate)

    async def _happen(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        turn = self._turn if fault.kind in kinds.ONE_AT_A_TIME else contextlib.nullcontext()
        async with turn:
            began = time.monotonic()
            await self._actions[fault.kind](fault)
            if fault.kind in kinds.BROKERS:
                # A worker that is asked to end while Kafka is away ends by force, and rightly so.
                await serves(self._broker.bootstrap, *self._fleet.works_with)
            self._times.append((fault.kind, began, time.monotonic()))

    def _victim(self, fault: Fault) -> WorkerProcess:
        living = self._fleet.living
        return living[fault.pick % len(living)]

    async def _kill(self, fault: Fault) -> None:
        self._victim(fault).kill()
        await asyncio.sleep(fault.lasts)
        await self._fleet.start_worker().ready(self._fleet.session)

    async def _stop(self, fault: Fault) -> None:
        victim = self._victim(fault)
        victim.terminate()
        code = await victim.ended(STOPS_WITHIN_S)
        assert code == 0, f"{victim} ended with {code}:\n{victim.tail()}"
        await asyncio.sleep(fault.lasts)
        await self._fleet.start_worker().ready(self._fleet.session)

    async def _freeze(self, fault: Fault) -> None:
        victim = self._victim(fault)
        victim.freeze()
        await asyncio.sleep(fault.lasts)
        victim.thaw()
        await victim.ready(self._fleet.session)

    async def _restart_all(self, fault: Fault) -> None:
        gone = self._fleet.living
        for worker in gone:
            worker.kill()
        await asyncio.sleep(fault.lasts)
        await self._fleet.start_workers(len(gone))

    async def _kill_broker(self, fault: Fault) -> None:
        await self._killed(self._broker.nodes[fault.pick % len(self._broker.nodes)], fault)

    async def _kill_leader(self, fault: Fault) -> None:
        topic = f"{self._fleet.prefix}raw"
        number = await leader(self._broker.bootstrap, topic, fault.pick % PARTITIONS)
        await self._killed(next(node for node in self._broker.nodes if node.id == number), fault)

    async def _killed(self, node: Node, fault: Fault) -> None:
        node.kill()
        await asyncio.sleep(fault.lasts)
        await node.restart()

    async def _cluster_away(self, fault: Fault) -> None:
        for node in self._broker.nodes:
            node.kill()
        await asyncio.sleep(fault.lasts)
        await asyncio.gather(*(node.restart() for node in self._broker.nodes))

    async def _pause_broker(self, fault: Fault) -> None:
        node = self._broker.nodes[fault.pick % len(self._broker.nodes)]
        node.pause()
        try:
            await asyncio.sleep(fault.lasts)
        finally:
            node.resume()

    async def _fill_disk(self, fault: Fault) -> None:
        node = self._broker.nodes[fault.pick % len(self._broker.nodes)]
        fill_disk(node)
        await asyncio.sleep(fault.lasts)
        await node.restart()

    async def _cut_sockets(self, fault: Fault) -> None:
        self._fleet.sandbox.slack.sockets.cut()

    async def _limit_channel(self, fault: Fault) -> None:
        channels = sorted(self._fleet.channels)
        self._fleet.sandbox.slack.limit(channels[fault.pick % len(channels)], fault.lasts)
        await asyncio.sleep(fault.lasts)

    async def _burst(self, fault: Fault) -> None:
        for number in range(BURST_POSTS):
            self._fleet.sandbox.x.post(f"item {fault.pick}-{number} version 1 of a burst")

    async def _poison(self, fault: Fault) -> None:
        await send_poison(self._broker.bootstrap, f"{self._fleet.prefix}raw", fault.pick)

    async def _ask(self, fault: Fault) -> None:
        asked = self._asked
        asked[fault.kind] += 1
        self._fleet.sandbox.faults.names = frozenset(+asked)
        await asyncio.sleep(fault.lasts)
        asked[fault.kind] -= 1
        self._fleet.sandbox.faults.names = frozenset(+asked)

    async def _slack_away(self, fault: Fault) -> None:
        await self._away(fault, self._fleet.slack_link, self._slack, kinds.SLACK_DOWN)

    async def _x_away(self, fault: Fault) -> None:
        await self._away(fault, self._fleet.x_link, self._x, kinds.X_DOWN)

    async def _away(self, fault: Fault, link: Link, faults: Counter[str], down: str) -> None:
        faults[fault.kind] += 1
        if fault.kind == down:
            await link.refuse()
        else:
            link.hang()
        await asyncio.sleep(fault.lasts)
        faults[fault.kind] -= 1
        if not +faults:
            await link.mend()

    def _blamed(self, found: Sequence[StallDetector]) -> dict[str, float]:
        """Return the longest standstill of each kind, where only that kind can be its cause."""
        blamed: dict[str, float] = {}
        for one in found:
            near = {
                kind
                for kind, began, ended in self._times
                if began - 1 <= one.end and ended + AFTERMATH_S >= one.begin
            }
            near &= {*kinds.PROCESSES, *kinds.BROKERS}
            if len(near) == 1:
                (kind,) = near
                blamed[kind] = max(blamed.get(kind, 0.0), round(one.seconds, 1))
        return blamed
