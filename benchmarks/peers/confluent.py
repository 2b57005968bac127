"""A bare loop over confluent-kafka: BOOTSTRAP IN OUT."""

import sys

import orjson
from confluent_kafka import Consumer, Producer  # type: ignore[import-not-found]

bootstrap, source, target = sys.argv[1:4]
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": f"{source}-confluent",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
consumer.subscribe([source])
while True:
    # As soon as there is one: waiting for a batch to fill would cost the latency.
    first = consumer.poll(1.0)
    if first is None:
        continue
    for message in [first, *consumer.consume(499, 0)]:
        if message.error() is None:
            data = orjson.loads(message.value())
            data["score"] = 0.5
            producer.produce(
                target, orjson.dumps(data), message.key(), partition=message.partition()
            )
    producer.flush()
    consumer.commit(asynchronous=False)
