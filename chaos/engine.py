"""Injects a schedule of faults into a fleet under load, waits for recovery, and audits."""

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
from chaos.recovery import Stall, longest, stalls
from chaos.schedule import Fault
from feedback_app.broker import LocalKafka, Node
from feedback_app.sandbox import Rate

SHARE = 0.3
"""Probability of a sandbox fault per request while it is switched on."""
LATE_S = (8.5, 10.0)
"""Slow responses: longer than the timeout of a post, so that its outcome is unknown."""
STOPS_WITHIN_S = 20.0
AFTERMATH_S = SESSION_S + 2
"""How long after its end a fault can still cause a rebalance."""
BURST_POSTS = 150
"""More than one page of X search."""
RECOVERS_WITHIN_S = 150.0
"""Long enough to look up an uncertain post and to delete a duplicate."""


@dataclass(frozen=True)
class Run:
    """What to run: messages, their rate a second, workers and faults."""

    seed: int
    messages: int
    rate: float
    faults: Sequence[Fault]
    workers: int = 2


@dataclass
class Outcome:
    """The result of a run."""

    audit: Audit
    faults: Counter[str] = field(default_factory=Counter)
    recovery_s: float = 0.0
    """The longest stall of a partition of `raw`."""
    recovery_by_kind: dict[str, float] = field(default_factory=dict)
    """The longest stall that only faults of this kind can have caused."""
    seconds: float = 0.0


class Engine:
    """One run on one fleet."""

    def __init__(self, run: Run, fleet: Fleet, broker: LocalKafka) -> None:
        self._run, self._fleet, self._broker = run, fleet, broker
        self._people = People(fleet.sandbox)
        self._times: list[tuple[str, float, float]] = []
        self._exclusive = asyncio.Lock()
        self._began = time.monotonic()
        self._active: Counter[str] = Counter()
        self._slack, self._x = Counter[str](), Counter[str]()
        fleet.sandbox.faults.slow_seconds = LATE_S
        fleet.sandbox.faults.rates |= {name: Rate(SHARE, 1_000_000) for name in kinds.SANDBOX}
        self._actions: Mapping[str, Callable[[Fault], Awaitable[None]]] = {
            kinds.KILL: self._kill,
            kinds.TERM: self._stop,
            kinds.ZOMBIE: self._freeze,
            kinds.RESTART: self._restart_all,
            kinds.BROKER_KILL: self._kill_broker,
            kinds.BROKER_PAUSE: self._pause_broker,
            kinds.LEADER_KILL: self._kill_leader,
            kinds.CLUSTER_DOWN: self._cluster_down,
            kinds.DISK_FULL: self._fill_disk,
            kinds.SOCKETS_CUT: self._cut_sockets,
            kinds.BURST: self._burst,
            kinds.POISON: self._poison,
            kinds.CHANNEL_LIMITED: self._limit_channel,
            kinds.SLACK_DOWN: self._slack_outage,
            kinds.SLACK_HANGS: self._slack_outage,
            kinds.X_DOWN: self._x_outage,
            kinds.X_HANGS: self._x_outage,
        } | dict.fromkeys(kinds.SANDBOX, self._switch_on)

    async def run(self) -> Outcome:
        """Run to the end; raises AssertionError where a worker misbehaves."""
        await self._fleet.start_workers(self._run.workers)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load())
            for fault in self._run.faults:
                group.create_task(self._inject(fault))
        for worker in self._fleet.living:
            await worker.ready(self._fleet.session)
        return self.outcome(await self._fleet.settled(RECOVERS_WITHIN_S))

    def outcome(self, found: Audit) -> Outcome:
        """Return the result so far."""
        topics = self._fleet.observer.topics
        found_stalls = stalls(topics)
        return Outcome(
            found,
            Counter(fault.kind for fault in self._run.faults),
            round(longest(found_stalls), 1),
            self._by_kind(found_stalls),
            round(time.monotonic() - self._began, 1),
        )

    async def _load(self) -> None:
        for act in acts(self._run.messages, self._run.seed):
            self._people.do(act)
            await asyncio.sleep(1 / self._run.rate)

    async def _inject(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        lock = self._exclusive if fault.kind in kinds.ONE_AT_A_TIME else contextlib.nullcontext()
        async with lock:
            began = time.monotonic()
            await self._actions[fault.kind](fault)
            if fault.kind in kinds.BROKERS:
                # A worker that stops while Kafka is unavailable exits with an error, as it should.
                await serves(self._broker.bootstrap, *self._fleet.group_and_partitions)
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

    async def _cluster_down(self, fault: Fault) -> None:
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

    async def _switch_on(self, fault: Fault) -> None:
        active = self._active
        active[fault.kind] += 1
        self._fleet.sandbox.faults.names = frozenset(+active)
        await asyncio.sleep(fault.lasts)
        active[fault.kind] -= 1
        self._fleet.sandbox.faults.names = frozenset(+active)

    async def _slack_outage(self, fault: Fault) -> None:
        await self._outage(fault, self._fleet.slack_link, self._slack, kinds.SLACK_DOWN)

    async def _x_outage(self, fault: Fault) -> None:
        await self._outage(fault, self._fleet.x_link, self._x, kinds.X_DOWN)

    async def _outage(self, fault: Fault, link: Link, faults: Counter[str], down: str) -> None:
        faults[fault.kind] += 1
        if fault.kind == down:
            await link.refuse()
        else:
            link.hang()
        await asyncio.sleep(fault.lasts)
        faults[fault.kind] -= 1
        if not +faults:
            await link.restore()

    def _by_kind(self, found: Sequence[Stall]) -> dict[str, float]:
        """Return {kind of fault: seconds of the longest stall that only it can have caused}."""
        longest_by_kind: dict[str, float] = {}
        for one in found:
            near = {
                kind
                for kind, began, ended in self._times
                if began - 1 <= one.end and ended + AFTERMATH_S >= one.begin
            }
            near &= {*kinds.PROCESSES, *kinds.BROKERS}
            if len(near) == 1:
                (kind,) = near
                longest_by_kind[kind] = max(longest_by_kind.get(kind, 0.0), round(one.seconds, 1))
        return longest_by_kind
