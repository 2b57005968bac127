"""Recent search of the stand-in X, called through tweepy."""

import aiohttp
import pytest
import tweepy
from tweepy.asynchronous import AsyncClient

from feedback_app.sandbox import PRODUCT_QUERY, ManualClock, Sandbox
from feedback_app.sandbox.x.state import snowflake

from .conftest import START, x_client


async def ids(x: AsyncClient, **more: object) -> list[str]:
    answer = await x.search_recent_tweets(PRODUCT_QUERY, **more)
    return [str(post.id) for post in answer.data or []]


async def test_newest_first_with_the_requested_fields(x: AsyncClient, sandbox: Sandbox) -> None:
    first = sandbox.x.post("good kettle", author="ana", lang="en")
    second = sandbox.x.post("bad kettle", author="bo")
    answer = await x.search_recent_tweets(
        PRODUCT_QUERY,
        tweet_fields=["created_at", "lang", "author_id"],
        expansions=["author_id"],
        user_fields=["username"],
    )
    assert [str(post.id) for post in answer.data] == [second, first]
    assert answer.meta == {"newest_id": second, "oldest_id": first, "result_count": 2}
    assert answer.data[1].lang == "en"
    assert answer.data[1].created_at.timestamp() == START
    assert {user.username for user in answer.includes["users"]} == {"ana", "bo"}
    assert {str(post.author_id) for post in answer.data} == {
        str(user.id) for user in answer.includes["users"]
    }


async def test_fields_not_requested_are_absent(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.x.post("good kettle")
    post = (await x.search_recent_tweets(PRODUCT_QUERY)).data[0]
    assert set(post.data) == {"id", "text", "edit_history_tweet_ids"}


async def test_no_results(x: AsyncClient) -> None:
    answer = await x.search_recent_tweets(PRODUCT_QUERY)
    assert answer.data is None
    assert answer.meta == {"result_count": 0}


async def test_a_page_holds_a_hundred_and_the_rest_follows(
    x: AsyncClient, sandbox: Sandbox
) -> None:
    posted = [sandbox.x.post(f"post {number}") for number in range(250)]
    found: list[str] = []
    sizes: list[int] = []
    token: str | None = None
    while token is not None or not sizes:
        more: dict[str, str] = {"next_token": token} if token else {}
        answer = await x.search_recent_tweets(PRODUCT_QUERY, max_results=100, **more)
        sizes.append(len(answer.data))
        found += [str(post.id) for post in answer.data]
        token = answer.meta.get("next_token")
    assert sizes == [100, 100, 50]
    assert found == posted[::-1]


async def test_posts_created_between_two_pages_do_not_shift_them(
    x: AsyncClient, sandbox: Sandbox
) -> None:
    old = [sandbox.x.post(f"post {number}") for number in range(15)]
    first = await x.search_recent_tweets(PRODUCT_QUERY, max_results=10)
    sandbox.x.post("in between")
    second = await x.search_recent_tweets(
        PRODUCT_QUERY, max_results=10, next_token=first.meta["next_token"]
    )
    assert [str(post.id) for post in [*first.data, *second.data]] == old[::-1]


@pytest.mark.parametrize("most", [9, 101])
async def test_an_invalid_page_size_is_refused(x: AsyncClient, most: int) -> None:
    with pytest.raises(tweepy.BadRequest, match="is not between 10 and 100"):
        await ids(x, max_results=most)


async def test_bounds_by_id_and_time(x: AsyncClient, sandbox: Sandbox, clock: ManualClock) -> None:
    one = sandbox.x.post("one")
    clock.advance(60)
    two = sandbox.x.post("two")
    clock.advance(60)
    three = sandbox.x.post("three")
    assert await ids(x, since_id=one) == [three, two]
    assert await ids(x, until_id=three) == [two, one]
    assert await ids(x, since_id=one, until_id=three) == [two]
    clock.advance(60)
    assert await ids(x, start_time="2026-09-21T14:14:20Z") == [three, two]
    assert await ids(x, end_time="2026-09-21T14:15:20Z") == [two, one]


async def test_the_id_is_a_snowflake_of_the_time(sandbox: Sandbox) -> None:
    id = int(sandbox.x.post("one"))
    assert (id >> 22) + 1288834974657 == START * 1000
    assert int(sandbox.x.post("two")) > id


async def test_since_id_older_than_seven_days_is_refused(x: AsyncClient) -> None:
    oldest = snowflake(START - 7 * 86400)
    assert await ids(x, since_id=oldest) == []
    with pytest.raises(tweepy.BadRequest) as raised:
        await ids(x, since_id=oldest - 1)
    assert raised.value.api_errors[0]["parameters"] == {"since_id": [str(oldest - 1)]}
    assert "larger than" in raised.value.api_messages[0]


async def test_start_time_older_than_seven_days_is_refused(x: AsyncClient) -> None:
    with pytest.raises(tweepy.BadRequest, match="must be on or after"):
        await ids(x, start_time="2026-09-01T00:00:00Z")


async def test_end_time_must_be_ten_seconds_ago(x: AsyncClient) -> None:
    with pytest.raises(tweepy.BadRequest, match="minimum of 10 seconds"):
        await ids(x, end_time="2026-09-21T14:13:15Z")


async def test_posts_older_than_seven_days_are_not_found(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.x.post("old", created_at=START - 7 * 86400 - 1)
    new = sandbox.x.post("new", created_at=START - 7 * 86400 + 1)
    assert await ids(x) == [new]


async def test_450_searches_in_fifteen_minutes(
    x: AsyncClient, sandbox: Sandbox, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    sandbox.x.gate.limits["search"] = 3
    for _ in range(3):
        await ids(x)
    with pytest.raises(tweepy.TooManyRequests) as raised:
        await ids(x)
    headers = raised.value.response.headers
    assert headers["x-rate-limit-limit"] == "3"
    assert headers["x-rate-limit-remaining"] == "0"
    assert headers["x-rate-limit-reset"] == str(int(START) + 900)
    assert "Retry-After" not in headers
    clock.advance(900)
    assert await ids(x) == []


async def test_the_default_limit_is_that_of_x(sandbox: Sandbox) -> None:
    assert sandbox.x.gate.limits["search"] == 450


async def test_posts_are_indexed_late_and_out_of_order(
    x: AsyncClient, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.x.index_delay = (1.0, 20.0)
    posted = [sandbox.x.post(f"post {number}") for number in range(20)]
    assert await ids(x, max_results=100) == []
    clock.advance(10)
    some = await ids(x, max_results=100)
    assert 0 < len(some) < 20
    assert some != posted[-len(some) :][::-1]
    clock.advance(10)
    assert await ids(x, max_results=100) == posted[::-1]


async def test_an_edit_is_a_new_id_that_lists_the_history(x: AsyncClient, sandbox: Sandbox) -> None:
    first = sandbox.x.post("good")
    second = sandbox.x.edit(first, "bad")
    answer = await x.search_recent_tweets(PRODUCT_QUERY)
    assert [(str(post.id), post.text) for post in answer.data] == [(second, "bad")]
    assert [str(id) for id in answer.data[0].edit_history_tweet_ids] == [first, second]


async def test_a_deleted_post_is_not_found(x: AsyncClient, sandbox: Sandbox) -> None:
    gone, stays = sandbox.x.post("gone"), sandbox.x.post("stays")
    sandbox.x.delete(gone)
    assert await ids(x) == [stays]
    answer = await x.get_tweets([gone, stays])
    assert [str(post.id) for post in answer.data] == [stays]
    assert answer.errors[0]["title"] == "Not Found Error"


async def test_a_wrong_token_is_unauthorized(
    sandbox: Sandbox, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(tweepy.Unauthorized) as raised:
        await ids(x_client(sandbox, session, token="wrong"))
    assert (await raised.value.response.json())["type"] == "about:blank"


async def test_a_revoked_token_is_unauthorized(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.x.revoke_token()
    with pytest.raises(tweepy.Unauthorized):
        await ids(x)


async def test_a_missing_access_level_is_forbidden(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.x.gate.enrolled = False
    with pytest.raises(tweepy.Forbidden) as raised:
        await ids(x)
    assert (await raised.value.response.json())["reason"] == "client-not-enrolled"


@pytest.mark.parametrize(
    "query", ["", "x" * 513, "(kettle", "lang:en", "-kettle", "bounding_box:[1 2 3 4]"]
)
async def test_an_invalid_query_is_refused(x: AsyncClient, query: str) -> None:
    with pytest.raises(tweepy.BadRequest):
        await x.search_recent_tweets(query)


async def test_a_query_of_512_characters_is_accepted(x: AsyncClient) -> None:
    found = await x.search_recent_tweets("k" * 512)
    assert found.meta["result_count"] == 0


async def test_unknown_parameters_and_fields_are_refused(x: AsyncClient) -> None:
    with pytest.raises(tweepy.BadRequest, match="is not one of"):
        await x.search_recent_tweets(PRODUCT_QUERY, tweet_fields=["colour"])
