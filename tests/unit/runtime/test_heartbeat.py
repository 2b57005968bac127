"""The heartbeat: it beats and reports whatever Kafka does, and its last status is bounded."""

import asyncio
from collections.abc import Sequence

from feedback_app.hop import Output, TransientError
from feedback_app.runtime.heartbeat import LAST_STATUS_S, Heartbeat
from tests.unit.alerting.virtual import VirtualClock, run

RUNNING, STOPPED = b"running", b"stopped"


class Kafka:
    """Collects what is produced; `down` makes it fail, `silent` makes it never answer."""

    def __init__(self) -> None:
        self.down = self.silent = False
        self.attempts = 0
        self.produced: list[tuple[float, bytes | None]] = []

    async def produce(self, outputs: Sequence[Output]) -> None:
        self.attempts += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.down:
            raise TransientError("kafka", "no broker")
        now = VirtualClock().monotonic()
        self.produced += [(now, output.value) for output in outputs]


def status(stopped: bool) -> list[Output]:
    return [Output("stats", b"worker|w", STOPPED if stopped else RUNNING, 0)]


def test_a_status_is_written_every_two_seconds_and_a_last_one_on_stop() -> None:
    async def story() -> None:
        kafka = Kafka()
        heartbeat = Heartbeat(kafka.produce, status, VirtualClock())
        await heartbeat.start()
        await asyncio.sleep(4.5)
        assert kafka.produced == [(0.0, RUNNING), (2.0, RUNNING), (4.0, RUNNING)]
        await heartbeat.stop()
        assert kafka.produced[3:] == [(4.5, STOPPED)]

    run(story())


def test_it_beats_while_kafka_does_not_answer_and_sends_one_status_at_a_time() -> None:
    async def story() -> None:
        kafka = Kafka()
        kafka.silent = True
        heartbeat = Heartbeat(kafka.produce, status, VirtualClock())
        await heartbeat.start()
        for second in range(1, 60):
            await asyncio.sleep(1.0)
            assert VirtualClock().monotonic() - heartbeat.at <= 1.0, second
        assert kafka.attempts == 1
        await heartbeat.stop()

    run(story())


def test_it_reports_again_after_an_outage() -> None:
    async def story() -> None:
        kafka = Kafka()
        kafka.down = True
        heartbeat = Heartbeat(kafka.produce, status, VirtualClock())
        await heartbeat.start()
        await asyncio.sleep(5)
        assert (kafka.attempts, kafka.produced) == (3, [])
        kafka.down = False
        await asyncio.sleep(2)
        assert kafka.produced == [(6.0, RUNNING)]
        await heartbeat.stop()

    run(story())


def test_a_stop_without_kafka_gives_up_the_last_status_in_time() -> None:
    async def story() -> None:
        kafka = Kafka()
        heartbeat = Heartbeat(kafka.produce, status, VirtualClock())
        await heartbeat.start()
        await asyncio.sleep(0.5)
        for kafka.silent, kafka.down in ((True, False), (False, True)):
            began = VirtualClock().monotonic()
            await heartbeat.on_stop()
            assert VirtualClock().monotonic() - began <= LAST_STATUS_S
        assert kafka.produced == [(0.0, RUNNING)]
        kafka.down = False
        await heartbeat.stop()

    run(story())
