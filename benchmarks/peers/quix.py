"""Quix Streams as its documentation shows it: BOOTSTRAP IN OUT SCORER."""

import sys

from quixstreams import Application  # type: ignore[import-not-found]

from benchmarks.peers.model import scorer

bootstrap, source, target, kind = sys.argv[1:5]
score = scorer(kind)
app = Application(
    broker_address=bootstrap,
    consumer_group=f"{source}-quix",
    auto_offset_reset="earliest",
    auto_create_topics=False,
    producer_extra_config={"acks": "all"},
)
frame = app.dataframe(app.topic(source, value_deserializer="json"))
frame["score"] = 0.5 if kind == "none" else frame["text"].apply(lambda text: score([text])[0])
frame.to_topic(app.topic(target, value_serializer="json"))
app.run()
