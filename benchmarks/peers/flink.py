"""PyFlink's Table API with a vectorised function: BOOTSTRAP IN OUT SCORER FOLDER."""

import os
import sys
from typing import Any

from pyflink.table import (  # type: ignore[import-not-found]
    DataTypes,
    EnvironmentSettings,
    TableEnvironment,
)
from pyflink.table.udf import udf  # type: ignore[import-not-found]

from benchmarks.peers.fields import columns, names

bootstrap, source, target, kind, folder = sys.argv[1:6]
environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
config = environment.get_config()
config.set("pipeline.jars", ";".join(f"file://{j}" for j in os.environ["PEER_JARS"].split(":")))
config.set("python.executable", sys.executable)
config.set("execution.checkpointing.interval", "1 s")
config.set("execution.checkpointing.dir", f"file://{folder}/checkpoints")
# The default waits a second for a bundle to fill.
config.set("python.fn-execution.bundle.time", "10")
if kind != "none":
    # The default hands over up to 10,000 texts at once: minutes of a model.
    config.set("python.fn-execution.arrow.batch.size", "128")
    config.set("python.fn-execution.bundle.size", "128")


@udf(result_type=DataTypes.DOUBLE(), func_type="pandas")  # type: ignore[untyped-decorator]
def score(texts: Any) -> Any:
    """Return a score for each text."""
    import pandas  # type: ignore[import-untyped]

    from benchmarks.peers.model import scorer

    return pandas.Series(scorer(kind)(texts.tolist()))


environment.create_temporary_function("score", score)
KAFKA = f"""
    'connector' = 'kafka',
    'properties.bootstrap.servers' = '{bootstrap}',
    'key.format' = 'raw', 'key.fields' = 'k',
    'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY'"""
environment.execute_sql(f"""
    CREATE TABLE messages (`k` BYTES, {columns(kind)}) WITH ({KAFKA},
    'topic' = '{source}', 'properties.group.id' = '{source}-flink',
    'scan.startup.mode' = 'earliest-offset')""")
environment.execute_sql(f"""
    CREATE TABLE scored (`k` BYTES, {columns(kind)}, `score` DOUBLE) WITH ({KAFKA},
    'topic' = '{target}', 'properties.acks' = 'all')""")
listed = ", ".join(f"`{name}`" for name in names(kind))
environment.execute_sql(
    f"INSERT INTO scored SELECT `k`, {listed}, score(`text`) FROM messages"
).wait()
