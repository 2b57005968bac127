"""A bare loop over confluent-kafka: BOOTSTRAP IN OUT SCORER."""

import sys

import orjson
from confluent_kafka import Consumer, Producer  # type: ignore[import-not-found]

from benchmarks.peers.model import scorer

bootstrap, source, target, kind = sys.argv[1:5]
score = scorer(kind)
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
    # Return with the first message: waiting for a full batch would cost latency.
    first = consumer.poll(1.0)
    if first is None:
        continue
    messages = [m for m in (first, *consumer.consume(499, 0)) if m.error() is None]
    values = [orjson.loads(message.value()) for message in messages]
    scores = score([data["text"] for data in values])
    for message, data, one in zip(messages, values, scores, strict=True):
        data["score"] = one
        producer.produce(target, orjson.dumps(data), message.key(), partition=message.partition())
    producer.flush()
    consumer.commit(asynchronous=False)
