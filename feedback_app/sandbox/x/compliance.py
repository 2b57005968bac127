"""Batch compliance: a job takes post ids and reports which posts are deleted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from feedback_app.sandbox.clock import Clock
from feedback_app.sandbox.http import json_response
from feedback_app.sandbox.x.answers import PROBLEMS, invalid, rfc3339
from feedback_app.sandbox.x.gate import Refusal
from feedback_app.sandbox.x.state import XState

UPLOAD_WITHIN_S = 900.0
DOWNLOAD_WITHIN_S = 7 * 86400.0


@dataclass
class Job:
    """One batch of ids to check."""

    id: str
    type: str
    name: str | None
    created_at: float
    ids: list[int] = field(default_factory=list)
    uploaded_at: float | None = None


class Compliance:
    """The batch compliance endpoints; a job completes `seconds` after its upload."""

    def __init__(self, state: XState, clock: Clock, url: Callable[[], str], seconds: float) -> None:
        self._state = state
        self._clock = clock
        self._url = url
        self._seconds = seconds
        self._jobs: dict[str, Job] = {}

    async def create(self, request: web.Request) -> web.Response:
        """POST /2/compliance/jobs: one running job per type."""
        try:
            body = orjson.loads(await request.read())
            type = body["type"]
        except (KeyError, TypeError, orjson.JSONDecodeError):
            type = ""
        if type not in ("tweets", "users"):
            raise Refusal(400, invalid("type", str(type), "`type` must be tweets or users"))
        if any(job.type == type and self._status(job) not in _ENDED for job in self._jobs.values()):
            raise Refusal(
                409,
                {
                    "title": "Conflict",
                    "detail": f"There is already a {type} job that has not ended.",
                    "status": 409,
                    "type": PROBLEMS + "conflict",
                },
            )
        number = str(1_400_000_000_000_000_000 + len(self._jobs))
        job = Job(number, type, body.get("name"), self._clock.now())
        self._jobs[job.id] = job
        return json_response({"data": self._job_object(job)})

    async def get(self, request: web.Request) -> web.Response:
        """GET /2/compliance/jobs/{id}."""
        return json_response({"data": self._job_object(self._job(request))})

    async def list(self, request: web.Request) -> web.Response:
        """GET /2/compliance/jobs?type=…&status=…"""
        type, status = request.query.get("type"), request.query.get("status")
        jobs = [
            self._job_object(job)
            for job in self._jobs.values()
            if job.type == type and status in (None, self._status(job))
        ]
        meta = {"result_count": len(jobs)}
        return json_response({"data": jobs, "meta": meta} if jobs else {"meta": meta})

    async def upload(self, request: web.Request) -> web.Response:
        """PUT the ids, one per line, as text/plain; the signed URL is the credential."""
        job = self._job(request)
        if request.content_type != "text/plain":
            raise Refusal(403, {"title": "SignatureDoesNotMatch"})
        if self._status(job) == "expired" or job.uploaded_at is not None:
            raise Refusal(400, {"title": "ExpiredToken"})
        lines = (await request.text()).split()
        if not all(line.isdecimal() for line in lines):
            raise Refusal(400, invalid("ids", "", "The file must have one id a line"))
        job.ids = [int(line) for line in lines]
        job.uploaded_at = self._clock.now()
        return web.Response()

    async def download(self, request: web.Request) -> web.Response:
        """GET the result: a JSON line for each id whose post must be deleted."""
        job = self._job(request)
        if self._status(job) != "complete":
            raise Refusal(404, {"title": "NoSuchKey"})
        gone = [id for id in job.ids if job.type == "tweets" and self._state.get(id) is None]
        lines = [orjson.dumps(self._finding(id)) + b"\n" for id in gone]
        return web.Response(body=b"".join(lines), content_type="application/json")

    def _finding(self, id: int) -> dict[str, Any]:
        post = self._state.find_version(id)
        finding = {"id": str(id), "action": "delete", "reason": "deleted"}
        if post is not None:
            finding["created_at"] = rfc3339(post.created_at)
            finding["redacted_at"] = rfc3339(self._clock.now())
        return finding

    def _job(self, request: web.Request) -> Job:
        job = self._jobs.get(request.match_info["id"])
        if job is None:
            raise Refusal(404, {"title": "Not Found Error", "type": PROBLEMS + "not-found"})
        return job

    def _status(self, job: Job) -> str:
        now = self._clock.now()
        if job.uploaded_at is None:
            return "expired" if now > job.created_at + UPLOAD_WITHIN_S else "created"
        return "complete" if now >= job.uploaded_at + self._seconds else "in_progress"

    def _job_object(self, job: Job) -> dict[str, Any]:
        base = f"{self._url()}/compliance-files/{job.id}"
        body: dict[str, Any] = {
            "id": job.id,
            "type": job.type,
            "status": self._status(job),
            "resumable": False,
            "created_at": rfc3339(job.created_at),
            "upload_url": f"{base}/upload",
            "upload_expires_at": rfc3339(job.created_at + UPLOAD_WITHIN_S),
            "download_url": f"{base}/download",
            "download_expires_at": rfc3339(job.created_at + DOWNLOAD_WITHIN_S),
        }
        return body if job.name is None else body | {"name": job.name}


_ENDED = ("complete", "expired", "failed")
