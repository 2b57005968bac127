"""Deletions on X: a batch-compliance job over the posts held here, every six hours by default."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import orjson

from feedback_app.hop.errors import TransientError
from feedback_app.sources.protocol import Context, SourceFault
from feedback_app.sources.records import cursor_record, feedback_records
from feedback_app.sources.x.client import DEPENDENCY, XClient, ask
from feedback_app.sources.x.post_index import PREFIX, PostIndex, deletion
from models import Cursor, from_rfc3339, rfc3339

log = logging.getLogger(__name__)

CHECK_S = 60.0
JOB_CHECK_S = 15.0
JOB_TIMEOUT_S = 3600.0
RETRY_S = 300.0
KEY = "compliance|x"
"""The key of the record on `cursors` that says when the last job was done."""
BATCH = 500
"""Deletions that are sent at once."""
TYPE = "tweets"


class XCompliance:
    """Runs the jobs while `leading` says so; `run` lives until it is cancelled."""

    def __init__(self, context: Context, leading: Callable[[], bool], index: PostIndex) -> None:
        self._context, self._clock = context, context.clock
        self._leading, self._index = leading, index
        self._name = f"{context.settings.app_id}-deletions"
        self._every = context.settings.x_compliance_every.total_seconds()
        self._client = XClient.of(context.settings, context.clock)

    async def run(self) -> None:
        """Run a job whenever the last one, of any worker, is long enough ago."""
        try:
            while True:
                wait = min(CHECK_S, self._every)
                if self._leading() and self._due():
                    try:
                        await self.once()
                    except TransientError as found:
                        wait = found.retry_after or min(RETRY_S, self._every)
                        log.warning("X compliance: %s", found)
                    except Exception:
                        wait = RETRY_S
                        log.exception("X compliance: a bug ended a job")
                await self._clock.sleep(wait)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections to X."""
        await self._client.close()

    async def once(self) -> int:
        """Run one job and return how many posts were found deleted; raises TransientError."""
        posts = await self._index.read(self._clock.time())
        gone: set[str] = set()
        if posts:
            job = await self._job(posts)
            gone = deleted_ids(await self._download(job)) & posts.keys()
        now, topics = self._clock.time(), self._context.topics
        names = sorted(gone)
        for start in range(0, len(names), BATCH):
            deletions = [deletion(name, posts[name], now) for name in names[start : start + BATCH]]
            await self._context.produce(feedback_records(topics, deletions))
        last = self._context.shared.cursors.get(KEY)
        # Above the last one, which a worker whose clock is ahead may have written.
        position = max(int(now), int(last.position) + 1 if last is not None else 0)
        done = Cursor(source=KEY, position=str(position), at=rfc3339(now))
        await self._context.produce([cursor_record(topics, done)])
        log.info("X compliance: %d of %d posts are gone", len(names), len(posts))
        return len(names)

    def _due(self) -> bool:
        last = self._context.shared.cursors.get(KEY)
        return (
            last is None
            or last.at is None
            or abs(self._clock.time() - from_rfc3339(last.at)) >= self._every
        )

    async def _job(self, names: Iterable[str]) -> dict[str, Any]:
        """Create a job, upload the ids, and return it once X has completed it."""
        job = await self._unused_job() or _data(
            await ask(self._client.tweepy.create_compliance_job(TYPE, name=self._name))
        )
        ids = "\n".join(name.removeprefix(PREFIX) for name in names)
        await self._file("PUT", str(job.get("upload_url")), ids.encode())
        begun = self._clock.monotonic()
        while True:
            await self._clock.sleep(min(JOB_CHECK_S, self._every))
            job = _data(await ask(self._client.tweepy.get_compliance_job(str(job.get("id")))))
            if job.get("status") == "complete":
                return job
            if job.get("status") in ("failed", "expired"):
                raise SourceFault(DEPENDENCY, f"X says of its job: {job.get('status')}", RETRY_S)
            if self._clock.monotonic() - begun > JOB_TIMEOUT_S:
                raise SourceFault(DEPENDENCY, "X does not complete its job", RETRY_S)

    async def _unused_job(self) -> dict[str, Any] | None:
        """Return a job of this app that never got its ids: X creates no other until it has them.

        The worker that created it was killed, or X's answer was lost.
        """
        answer = await ask(self._client.tweepy.get_compliance_jobs(TYPE, status="created"))
        found = answer.get("data") if isinstance(answer, dict) else None
        for job in found if isinstance(found, list) else ():
            if isinstance(job, dict) and job.get("name") == self._name:
                return job
        return None

    async def _download(self, job: dict[str, Any]) -> bytes:
        return await self._file("GET", str(job.get("download_url")), None)

    async def _file(self, method: str, url: str, body: bytes | None) -> bytes:
        """Put or get a file of the job. Its address grants access, so no error shows it."""
        headers = {} if body is None else {"Content-Type": "text/plain"}
        try:
            session = self._client.session.raw()
            async with session.request(method, url, data=body, headers=headers) as answer:
                found = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            message = f"a file of the job cannot be reached: {type(error).__name__}"
            raise SourceFault(DEPENDENCY, message) from None
        if not 200 <= answer.status < 300:
            raise SourceFault(DEPENDENCY, f"a file of the job is answered with {answer.status}")
        return found


def deleted_ids(lines: bytes) -> set[str]:
    """Return the feedback ids that a job's result says to delete; malformed lines are ignored."""
    found = set()
    for line in lines.splitlines():
        try:
            item = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(item, dict) and item.get("action") == "delete" and item.get("id"):
            found.add(f"{PREFIX}{item['id']}")
    return found


def _data(answer: object) -> dict[str, Any]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise SourceFault(DEPENDENCY, "X's answer has no job in it")
    return data
