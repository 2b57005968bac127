"""Spark Structured Streaming: BOOTSTRAP IN OUT SCORER FOLDER [continuous].

Micro-batches go through a pandas function; continuous mode, which supports none, through SQL.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pandas  # type: ignore[import-untyped]
from pyspark.sql import SparkSession  # type: ignore[import-not-found]
from pyspark.sql import functions as f

from benchmarks.peers.fields import columns, names

bootstrap, source, target, kind, folder = sys.argv[1:6]
continuous = sys.argv[6:] == ["continuous"]
SLOTS = 13
"""Continuous mode occupies a slot for each of the 12 partitions."""

# The default is the first python3 on the path.
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = (
    SparkSession.builder.master(f"local[{SLOTS}]" if continuous else "local[*]")
    .config("spark.jars", ",".join(os.environ["PEER_JARS"].split(":")))
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .getOrCreate()
)
raw = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", bootstrap)
    .option("subscribe", source)
    .option("startingOffsets", "earliest")
    .load()
)


@f.pandas_udf("double")  # type: ignore[untyped-decorator]
def score(batches: Iterator[pandas.Series]) -> Iterator[pandas.Series]:
    """Yield a score for each text."""
    from benchmarks.peers.model import scorer

    for texts in batches:
        yield pandas.Series(scorer(kind)(texts.tolist()))


message = f.from_json(f.col("value").cast("string"), columns(kind)).alias("m")
fields: list[Any] = [f.col(f"m.{name}") for name in names(kind)]
value = f.lit(0.5) if continuous else score(f.col("m.text"))
scored = raw.select("key", message).select(
    "key", f.to_json(f.struct(*fields, value.alias("score"))).alias("value")
)
writer = (
    scored.writeStream.format("kafka")
    .option("kafka.bootstrap.servers", bootstrap)
    .option("kafka.acks", "all")
    .option("topic", target)
    .option("checkpointLocation", f"{folder}/checkpoints")
)
if continuous:
    writer = writer.trigger(continuous="1 second")
writer.start().awaitTermination()
