"""A second consumer of the data, in a group of its own: BOOTSTRAP TOPIC."""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main(bootstrap: str, topic: str) -> None:
    """Decode and sum the scores, without end."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=f"{topic}-reader")
    scores = 0.0
    async with consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                scores += sum(orjson.loads(record.value)["score"] or 0 for record in records)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
