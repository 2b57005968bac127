"""The filtered stream of X with real workers: the leader holds it, and it moves when that dies."""

import itertools

import pytest

from chaos.processes import WorkerProcess
from chaos.waiting import until
from tests.integration.conftest import NewFleet

pytestmark = pytest.mark.timeout(480)


def leads(worker: WorkerProcess) -> bool:
    """Whether the partition that makes a leader is among those that a worker was given last."""
    given = worker.log.read_text().rpartition("Setting newly assigned partitions")[2]
    return "__assignor-__leader" in given.partition("for group")[0]


async def test_the_stream_moves_when_the_leader_dies_and_its_gap_is_closed(
    new_fleet: NewFleet,
) -> None:
    fleet = await new_fleet()
    config = fleet.folder / "sources.toml"
    query = fleet.environment.pop("FEEDBACK_X_QUERY")
    config.write_text(
        f'[[sources]]\nid = "live"\ntype = "x-stream"\nquery = "{query}"\nstart = "1h"\n'
    )
    fleet.environment["FEEDBACK_CONFIG"] = str(config)
    x, number, posted = fleet.sandbox.x, itertools.count(), []
    workers = await fleet.start_workers(2)
    await until(lambda: x.stream.connections == 1, 90, "one connection")

    def heard(words: str) -> bool:
        return any(one.text == words for one in fleet.observer.topics.scored)

    def post() -> str:
        words = f"item {next(number)} version 1 on the stream"
        x.post(words)
        posted.append(words)
        return words

    first = post()
    await until(lambda: heard(first), 90, "a post comes by the stream")
    (leader,) = [worker for worker in workers if leads(worker)]
    leader.kill()
    await until(lambda: x.stream.connections == 0, 90, "its connection is gone")
    unheard = [post() for _ in range(5)]
    await until(lambda: x.stream.connections == 1, 120, "the other has the stream")
    last = post()
    await until(lambda: heard(last), 90, "a post comes by the other's stream")
    await until(lambda: all(map(heard, unheard)), 120, "what nobody heard was searched for")
    assert len({one.id for one in fleet.observer.topics.scored}) == len(posted)
