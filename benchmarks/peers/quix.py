"""Quix Streams as its documentation shows it: BOOTSTRAP IN OUT."""

import sys

from quixstreams import Application  # type: ignore[import-not-found]

bootstrap, source, target = sys.argv[1:4]
app = Application(
    broker_address=bootstrap,
    consumer_group=f"{source}-quix",
    auto_offset_reset="earliest",
    auto_create_topics=False,
    producer_extra_config={"acks": "all"},
)
frame = app.dataframe(app.topic(source, value_deserializer="json"))
frame["score"] = 0.5
frame.to_topic(app.topic(target, value_serializer="json"))
app.run()
