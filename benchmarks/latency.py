"""Milliseconds from the append of a message to `raw` until its alert is in Slack.

    python -m benchmarks.latency [--seconds S] [--rate N]

Every message alerts, which is the worst case: each costs an intent, a post and a record. Arrivals
are a Poisson process. Ends with one line of JSON.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from random import Random

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.testbed import Testbed, record
from benchmarks.texts import texts
from models import Alert

WARM_UP = 100
LATE_S = 60.0
"""How late an alert may be; a missing one ends the run."""
MOST_ALERT = 0.95
"""The share of messages that alert at least: a neutral text scores the threshold itself."""
EVERY_MESSAGE_ALERTS = {"FEEDBACK_NEGATIVE_BELOW": "0.5", "FEEDBACK_POSITIVE_ABOVE": "0.5"}


async def measure(seconds: float, rate: float) -> dict[str, float]:
    """Return the percentiles, the median of each leg, and the CPU of the worker per message."""
    random = Random(1)
    every = texts(WARM_UP + int(seconds * rate))
    async with Testbed(EVERY_MESSAGE_ALERTS) as testbed:
        worker = await testbed.worker()
        await worker.ready()
        used = 0.0
        due = time.monotonic()
        for number, text in enumerate(every):
            if number == WARM_UP:
                await asyncio.sleep(1)
                used, due = worker.cpu(), time.monotonic()
            due += random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await testbed.producer.send_and_wait(
                testbed.topics.raw.name, record(number, text), f"bench:{number}".encode()
            )
        await asyncio.sleep(2)
        used = worker.cpu() - used
        await asyncio.wait_for(all_posted(testbed, len(every)), LATE_S)
        posted = testbed.posted()
        appended_at = await times(testbed, testbed.topics.raw.name)
        scored_at = await times(testbed, testbed.topics.scored.name)
        alerted_at = await times(testbed, testbed.topics.alerts.name)
    legs: dict[str, list[float]] = {"raw_to_scored": [], "scored_to_alerts": [], "to_slack": []}
    took: list[float] = []
    for alert, (identity, at) in alerted_at.items():
        number = int(identity.removeprefix("bench:"))
        if number < WARM_UP:
            continue
        appended, scored = appended_at[identity][1], scored_at[identity][1]
        took.append((posted[alert] - appended) * 1000)
        legs["raw_to_scored"].append((scored - appended) * 1000)
        legs["scored_to_alerts"].append((at - scored) * 1000)
        legs["to_slack"].append((posted[alert] - at) * 1000)
    took.sort()
    return {
        "sent": float(len(every) - WARM_UP),
        "alerts": float(len(took)),
        "p50_ms": took[len(took) // 2],
        "p95_ms": took[int(len(took) * 0.95)],
        "p99_ms": took[int(len(took) * 0.99)],
        "max_ms": took[-1],
        **{f"{name}_p50_ms": statistics.median(leg) for name, leg in legs.items()},
        "cpu_ms": used * 1000 / (len(every) - WARM_UP),
    }


async def all_posted(testbed: Testbed, messages: int) -> None:
    """Return once every message is scored and every alert is in Slack."""
    topics = testbed.topics
    while await testbed.count(topics.scored.name) < messages:
        await asyncio.sleep(0.1)
    while (alerts := await testbed.count(topics.alerts.name)) < messages * MOST_ALERT or len(
        testbed.posted()
    ) < alerts:
        await asyncio.sleep(0.1)


async def times(testbed: Testbed, topic: str) -> dict[str, tuple[str, float]]:
    """Return {record or alert id: (feedback id, Unix seconds of the record)} of a topic."""
    tps = [TopicPartition(topic, number) for number in range(12)]
    found: dict[str, tuple[str, float]] = {}
    async with AIOKafkaConsumer(bootstrap_servers=testbed.bootstrap) as reader:
        reader.assign(tps)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(tps)
        while any([await reader.position(tp) < ends[tp] for tp in tps]):
            for records in (await reader.getmany(timeout_ms=500)).values():
                for each in records:
                    at = each.timestamp / 1000
                    if topic == testbed.topics.alerts.name:
                        alert = Alert.decode(each.value)
                        found[alert.id] = (alert.feedback_id, at)
                    else:
                        identity = each.key.decode()
                        found[identity] = (identity, at)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    given = parser.parse_args(argv)
    found = asyncio.run(measure(given.seconds, given.rate))
    for name, value in found.items():
        print(f"{name:24} {value:10,.3f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
