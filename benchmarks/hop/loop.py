"""A bare aiokafka loop with the same work, as the lower bound of the Python client.

python -m benchmarks.hop.loop BOOTSTRAP IN OUT
"""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main(bootstrap: str, source: str, target: str) -> None:
    """Read, add a score, write and commit, without end."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=f"{source}-loop",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=500,
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=256 * 1024)
    await consumer.start()
    await producer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=1000)
        sent = []
        for tp, records in batches.items():
            for record in records:
                data = orjson.loads(record.value)
                data["score"] = 0.5
                sent.append(
                    await producer.send(
                        target, orjson.dumps(data), record.key, partition=tp.partition
                    )
                )
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
