"""Any other program on the same data: BOOTSTRAP TOPIC, a group of its own, decodes and counts."""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main(bootstrap: str, topic: str) -> None:
    """Read for ever."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=f"{topic}-reader")
    scores = 0.0
    async with consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                scores += sum(orjson.loads(record.value)["score"] or 0 for record in records)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
