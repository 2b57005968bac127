"""Batch compliance through tweepy against the stand-in X."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from feedback_app.hop.types import Row
from feedback_app.sandbox import X_BEARER_TOKEN, ManualClock, Sandbox
from feedback_app.sources.cursors import later
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.testing import MemoryContext, settings_of, until
from feedback_app.sources.x.compliance import KEY, XCompliance, deleted_ids
from feedback_app.sources.x.post_index import PostIndex
from models import Cursor, Feedback, ScoredFeedback, rfc3339
from tests.component.sources.sandbox_clock import SandboxClock


class Scored:
    """The topic `scored` as a list."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.rows: list[Row] = []

    def add(self, name: str, revision: int = 0, kind: str = "create") -> None:
        """Write a record."""
        feedback = Feedback(id=name, text="t", source="x", revision=revision, kind=kind)
        value = ScoredFeedback(feedback=feedback).encode()
        self.rows.append(Row(0, len(self.rows), name.encode(), value, self._clock.now()))

    async def read_to_high_watermark(
        self, topic: str, start: dict[int, int], hours: float | None, take: Callable[[Row], None]
    ) -> dict[int, int]:
        """Hand on what was not read yet."""
        for row in self.rows[start[0] :]:
            take(row)
        return start | {0: len(self.rows)}


@pytest.fixture
def scored(clock: ManualClock) -> Scored:
    """Return an empty topic."""
    return Scored(clock)


@pytest.fixture
def world(sandbox: Sandbox, clock: ManualClock) -> MemoryContext:
    """Return a context."""
    more = {"x_bearer_token": X_BEARER_TOKEN, "x_api_url": sandbox.x_url}
    return MemoryContext(
        settings_of({"id": "x", "type": "x-search", "query": "q"}, **more), SandboxClock(clock)
    )


def jobs(world: MemoryContext, scored: Scored) -> XCompliance:
    """Return what runs the jobs."""
    index = PostIndex(scored, world.topics.scored)
    return XCompliance(world, lambda: True, index)


async def test_deleted_posts_are_taken_back_once(
    sandbox: Sandbox, world: MemoryContext, scored: Scored, clock: ManualClock
) -> None:
    gone, stays = sandbox.x.post("gone"), sandbox.x.post("stays")
    scored.add(f"x:{gone}")
    scored.add(f"x:{gone}", 2, "edit")
    scored.add(f"x:{stays}")
    scored.add("slack:C1:1.0")
    sandbox.x.delete(gone)
    compliance = jobs(world, scored)
    assert await compliance.once() == 1
    (found,) = world.feedback
    assert (found.id, found.kind, found.revision) == (f"x:{gone}", "delete", 3)
    assert (found.source, found.text) == ("x", "")
    scored.add(f"x:{gone}", 3, "delete")
    assert await compliance.once() == 0
    assert len(world.feedback) == 1
    await compliance.close()


async def test_it_runs_every_six_hours_also_over_restarts(
    sandbox: Sandbox, world: MemoryContext, scored: Scored, clock: ManualClock
) -> None:
    begun = clock.now()
    scored.add(f"x:{sandbox.x.post('stays')}")
    for _ in range(2):
        task = asyncio.create_task(jobs(world, scored).run())
        before = clock.now()
        await until(lambda before=before: clock.now() > before + 4 * 3600)  # type: ignore[misc]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    records = [each for each in world.produced if each.key == KEY.encode()]
    hours = (clock.now() - begun) / 3600
    assert len(records) == 1 + int(hours // 6)


async def test_without_posts_no_job_is_made(
    sandbox: Sandbox, world: MemoryContext, scored: Scored, clock: ManualClock
) -> None:
    sandbox.x.revoke_token()
    assert await jobs(world, scored).once() == 0
    assert KEY in world.shared.cursors


async def test_a_failure_is_an_outside_fault_and_marks_nothing_as_done(
    sandbox: Sandbox, world: MemoryContext, scored: Scored, clock: ManualClock
) -> None:
    scored.add("x:1")
    sandbox.x.revoke_token()
    compliance = jobs(world, scored)
    with pytest.raises(SourceFault, match="FEEDBACK_X_BEARER_TOKEN"):
        await compliance.once()
    assert KEY not in world.shared.cursors
    await compliance.close()


async def test_a_job_that_was_made_and_never_filled_is_used(
    sandbox: Sandbox, world: MemoryContext, scored: Scored, clock: ManualClock
) -> None:
    gone = sandbox.x.post("gone")
    scored.add(f"x:{gone}")
    sandbox.x.delete(gone)
    compliance = jobs(world, scored)
    async with aiohttp.ClientSession(sandbox.x_url) as other:
        body = {"type": "tweets", "name": f"{world.settings.app_id}-deletions"}
        headers = {"Authorization": f"Bearer {X_BEARER_TOKEN}"}
        async with other.post("/2/compliance/jobs", json=body, headers=headers) as made:
            assert made.status == 200
    assert await compliance.once() == 1
    await compliance.close()


def test_odd_lines_of_a_result_say_nothing() -> None:
    lines = b'{"id":"1","action":"delete"}\n[]\nno json\n{"id":"2","action":"scrub_geo"}\n{}\n'
    assert deleted_ids(lines) == {"x:1"}


async def test_a_job_that_was_noted_in_the_future_puts_off_no_other(
    sandbox: Sandbox, clock: ManualClock, scored: Scored, world: MemoryContext
) -> None:
    scored.add("x:1")
    at = clock.now() + 86400 * 30
    noted = world.shared.cursors[KEY] = Cursor(source=KEY, position=str(int(at)), at=rfc3339(at))
    index = PostIndex(scored, world.topics.scored)
    compliance = XCompliance(world, lambda: True, index)
    task = asyncio.create_task(compliance.run())
    try:
        await until(lambda: world.shared.cursors[KEY] is not noted)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    found = world.shared.cursors[KEY]
    assert later(noted, found) is found
    assert found.at is not None
    assert found.at < rfc3339(clock.now() + 1)
