"""Which peers there are, how each is started, and how much it is given to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.peers.programs import Program, kafka_streams, own, python, python_on_java

NONE, PIPELINE, OWN = "none", "pipeline", "own"
SCORERS = {PIPELINE: "`transformers.pipeline`", OWN: "this project's"}
JOBS = {"hop": (NONE,), "whole": (PIPELINE, OWN)}
"""The scorers of each job: the hop alone has none."""

FAUST = ("worker", "-l", "info", "--without-web")


@dataclass(frozen=True, slots=True)
class Task:
    """One way to run a peer: its arguments, and a backlog that it works on for ten seconds.

    The first `told` of BOOTSTRAP IN OUT SCORER FOLDER follow the arguments, and then `more`.
    """

    arguments: tuple[str, ...]
    messages: int
    told: int = 5
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that does a job; `program` installs it where need be. `tasks` goes by scorer."""

    title: str
    program: Callable[[], Program]
    tasks: Mapping[str, Task]


def module(name: str) -> tuple[str, ...]:
    """Return the arguments that run a peer's module."""
    return ("-m", f"benchmarks.peers.{name}")


def tasks(name: str, none: int, pipeline: int, own_: int) -> dict[str, Task]:
    """Return the tasks of a module that knows all three scorers, with their backlogs."""
    backlogs = {NONE: none, PIPELINE: pipeline, OWN: own_}
    return {kind: Task(module(name), messages) for kind, messages in backlogs.items()}


PEERS = {
    "ours": Peer(
        "this pipeline",
        own,
        {
            # The accounts stay in: the product never runs without them.
            NONE: Task(("-m", "faust", "-A", "benchmarks.peers.ours", *FAUST), 500_000, told=0),
            PIPELINE: Task(
                ("-m", "faust", "-A", "benchmarks.peers.ours_pipeline", *FAUST), 1_500, told=0
            ),
            OWN: Task(("-m", "feedback_app", "worker", "-l", "info"), 12_000, told=0),
        },
    ),
    "aiokafka": Peer(
        "aiokafka 0.14.0, bare loop",
        own,
        {NONE: Task(("-m", "benchmarks.hop.loop"), 500_000, told=3)},
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
