"""The peers, how to start each, and the size of its backlog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.peers.programs import Program, kafka_streams, own, python, python_on_java

NONE, PIPELINE, OWN = "none", "pipeline", "own"
SCORERS = {PIPELINE: "`transformers.pipeline`", OWN: "this project's"}
JOBS = {"hop": (NONE,), "whole": (PIPELINE, OWN)}
"""The scorers of each job; the hop has none."""

FAUST = ("worker", "-l", "info", "--without-web")


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a peer: its arguments, and a backlog for about ten seconds.

    The first `common` of BOOTSTRAP IN OUT SCORER FOLDER follow the arguments, then `more`.
    """

    arguments: tuple[str, ...]
    messages: int
    common: int = 5
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine; `program` installs it if needed, `tasks` is by scorer."""

    title: str
    program: Callable[[], Program]
    tasks: Mapping[str, Task]


def module(name: str) -> tuple[str, ...]:
    """Return the arguments that run a peer's module."""
    return ("-m", f"benchmarks.peers.{name}")


def tasks(name: str, none: int, pipeline: int, own_: int) -> dict[str, Task]:
    """Return the tasks of a module with all three scorers, with their backlogs."""
    backlogs = {NONE: none, PIPELINE: pipeline, OWN: own_}
    return {kind: Task(module(name), messages) for kind, messages in backlogs.items()}


PEERS = {
    "ours": Peer(
        "this pipeline",
        own,
        {
            # With accounting, which is part of the product.
            NONE: Task(("-m", "faust", "-A", "benchmarks.peers.ours", *FAUST), 500_000, common=0),
            PIPELINE: Task(
                ("-m", "faust", "-A", "benchmarks.peers.ours_pipeline", *FAUST), 1_500, common=0
            ),
            OWN: Task(("-m", "feedback_app", "worker", "-l", "info"), 12_000, common=0),
        },
    ),
    "aiokafka": Peer(
        "aiokafka 0.14.0, bare loop",
        own,
        {NONE: Task(("-m", "benchmarks.hop.loop"), 500_000, common=3)},
    ),
    "confluent": Peer(
        "confluent-kafka 2.12.2, bare loop",
        lambda: python("confluent"),
        tasks("confluent", 1_000_000, 1_500, 12_000),
    ),
    "streams": Peer("Kafka Streams 4.3.1", kafka_streams, {NONE: Task((), 1_000_000)}),
    "quix": Peer(
        "Quix Streams 3.28.1",
        lambda: python("quix"),
        tasks("quix", 500_000, 1_200, 3_000),
    ),
    "faust": Peer(
        "plain Faust 0.15.3",
        lambda: python("faust"),
        tasks("plain_faust", 20_000, 1_200, 8_000),
    ),
    "flink": Peer(
        "PyFlink 2.2.1",
        lambda: python_on_java("flink"),
        tasks("flink", 500_000, 1_500, 12_000),
    ),
    "spark": Peer(
        "Spark 4.1.1, micro-batch",
        lambda: python_on_java("spark"),
        tasks("spark", 500_000, 1_500, 12_000),
    ),
    "spark-continuous": Peer(
        "Spark 4.1.1, continuous",
        lambda: python_on_java("spark"),
        {NONE: Task(module("spark"), 500_000, more=("continuous",))},
    ),
}
