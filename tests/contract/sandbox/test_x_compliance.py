"""Batch compliance of the stand-in X, called through tweepy."""

import aiohttp
import orjson
import pytest
import tweepy
from tweepy.asynchronous import AsyncClient

from feedback_app.sandbox import ManualClock, Sandbox


async def test_a_job_reports_deleted_posts(
    x: AsyncClient, sandbox: Sandbox, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    gone, stays = sandbox.x.post("gone"), sandbox.x.post("stays")
    sandbox.x.delete(gone)
    job = (await x.create_compliance_job("tweets", name="nightly")).data
    assert (job["status"], job["name"]) == ("created", "nightly")

    ids = f"{gone}\n{stays}\n12345"
    async with session.put(
        job["upload_url"], data=ids, headers={"Content-Type": "text/plain"}
    ) as answer:
        assert answer.status == 200
    assert (await x.get_compliance_job(job["id"])).data["status"] == "in_progress"
    async with session.get(job["download_url"]) as answer:
        assert answer.status == 404

    clock.advance(2)
    assert (await x.get_compliance_job(job["id"])).data["status"] == "complete"
    async with session.get(job["download_url"]) as answer:
        lines = [orjson.loads(line) for line in (await answer.read()).splitlines()]
    assert [line["id"] for line in lines] == [gone, "12345"]
    assert {line["action"] for line in lines} == {"delete"}


async def test_one_running_job_per_type(x: AsyncClient, clock: ManualClock) -> None:
    await x.create_compliance_job("tweets")
    await x.create_compliance_job("users")
    with pytest.raises(tweepy.HTTPException, match="409"):
        await x.create_compliance_job("tweets")
    clock.advance(901)
    await x.create_compliance_job("tweets")
    jobs = (await x.get_compliance_jobs("tweets")).data
    assert [job["status"] for job in jobs] == ["expired", "created"]


async def test_an_upload_must_be_plain_text(x: AsyncClient, session: aiohttp.ClientSession) -> None:
    job = (await x.create_compliance_job("tweets")).data
    async with session.put(job["upload_url"], json=["1"]) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("type", ["posts", ""])
async def test_an_unknown_type_is_refused(x: AsyncClient, type: str) -> None:
    with pytest.raises(tweepy.BadRequest):
        await x.create_compliance_job(type)
