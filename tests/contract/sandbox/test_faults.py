"""Each fault as the real clients see it, and its log entries."""

import asyncio
from typing import Any

import aiohttp
import pytest
import tweepy
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tweepy.asynchronous import AsyncClient

from feedback_app.sandbox import PRODUCT_QUERY, ManualClock, Sandbox
from feedback_app.sandbox.log import Fault, Given, Posted

from .conftest import until
from .test_socket_mode import acknowledged, listening

CHANNEL = "#negative-feedback"


def faults(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [
        (entry.name, entry.platform) for entry in sandbox.log.entries if isinstance(entry, Fault)
    ]


def posted(sandbox: Sandbox) -> list[str]:
    return [entry.ts for entry in sandbox.log.entries if isinstance(entry, Posted)]


async def pages(x: AsyncClient) -> list[dict[str, Any]]:
    x.return_type = dict
    answer: dict[str, Any] = await x.search_recent_tweets(PRODUCT_QUERY, max_results=100)
    data: list[dict[str, Any]] = answer.get("data", [])
    return data


async def test_429_of_x_has_the_reset_time(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.set(["429"], share=1)
    with pytest.raises(tweepy.TooManyRequests) as raised:
        await pages(x)
    assert "x-rate-limit-reset" in raised.value.response.headers
    assert await pages(x) == []
    assert faults(sandbox) == [("429", "x")]


async def test_429_of_slack_has_retry_after(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.faults.set(["429"], share=1)
    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert raised.value.response.headers["Retry-After"] == "1"
    assert posted(sandbox) == []
    await slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert len(posted(sandbox)) == 1


async def test_5xx_has_no_effect(x: AsyncClient, slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.faults.set(["5xx"], share=1, most=12)
    for _ in range(6):
        with pytest.raises((tweepy.TwitterServerError, aiohttp.ContentTypeError)):
            await pages(x)
        with pytest.raises(SlackApiError):
            await slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert posted(sandbox) == []
    assert faults(sandbox) == [("5xx", "x"), ("5xx", "slack")] * 6


async def test_a_disconnect_has_no_effect(
    x: AsyncClient, slack: AsyncWebClient, sandbox: Sandbox
) -> None:
    # aiohttp itself retries a GET whose connection is dropped.
    sandbox.faults.set(["disconnect"], share=1, most=3)
    with pytest.raises(aiohttp.ClientConnectionError):
        await pages(x)
    with pytest.raises(aiohttp.ClientConnectionError):
        await slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert posted(sandbox) == []
    assert faults(sandbox) == [("disconnect", "x"), ("disconnect", "x"), ("disconnect", "slack")]


async def test_a_lost_answer_was_an_accepted_post(slack: AsyncWebClient, sandbox: Sandbox) -> None:
    sandbox.slack.pace.posts_per_second = None
    sandbox.faults.set(["lost-answer"], share=1, most=8)
    for _ in range(8):
        with pytest.raises((SlackApiError, aiohttp.ClientConnectionError)):
            await slack.chat_postMessage(channel=CHANNEL, text="hello")
    assert len(posted(sandbox)) == 8
    assert len(sandbox.slack.channel(CHANNEL).messages) == 8
    await slack.chat_postMessage(channel=CHANNEL, text="hello")


async def test_a_slow_answer_arrives_eventually(
    slack: AsyncWebClient, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.faults.set(["slow"], share=1)
    answer = asyncio.create_task(slack.chat_postMessage(channel=CHANNEL, text="hello"))
    await until(lambda: clock.next_in is not None)
    assert len(posted(sandbox)) == 1
    assert not answer.done()
    clock.advance(4)
    assert (await answer)["ok"]


async def test_malformed_posts_are_extra_and_each_is_logged(
    x: AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.faults.set(["odd"], share=1, most=50)
    real, odd = set(), 0
    for number in range(20):
        ids = {sandbox.x.post(f"post {number}")}
        data = await pages(x)
        real |= ids
        whole = [
            post
            for post in data
            if isinstance(post.get("id"), str) and isinstance(post.get("text"), str)
        ]
        assert {post["id"] for post in whole} == real
        odd += len(data) - len(whole)
        assert await pages(x) == [post for post in data if post in whole]
    assert odd == 20
    assert faults(sandbox) == [("odd", "x")] * 20


async def test_malformed_events_are_extra_and_each_is_logged(sandbox: Sandbox) -> None:
    sandbox.faults.set(["odd"], share=1, most=50)
    async with listening(sandbox) as listener:
        real = {sandbox.slack.say("#feedback", f"message {number}") for number in range(20)}
        await until(lambda: len(acknowledged(sandbox)) == 40)
        whole = [
            event
            for event in listener.events
            if isinstance(event.get("ts"), str) and isinstance(event["text"], str)
        ]
        assert {event["ts"] for event in whole} == real
        assert len(listener.events) - len(whole) == 20
        assert {event["channel"] for event in listener.events} == {"C0SANDBOX001"}
    assert faults(sandbox) == [("odd", "slack")] * 20


async def test_a_malformed_event_is_sent_once_even_without_acknowledgement(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    async with listening(sandbox, acknowledge=False) as listener:
        sandbox.faults.set(["odd"], share=1)
        sandbox.slack.say("#feedback", "hello")
        await until(lambda: len(listener.events) == 2)
        for _ in range(2):
            await until(lambda: clock.next_in == 3)
            clock.advance(3)
        await until(lambda: len(listener.events) == 3)
        assert [event.get("text") for event in listener.events].count("hello") == 2
    assert faults(sandbox) == [("odd", "slack")]


async def test_duplicates_repeat_and_replace_nothing(x: AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.set(["duplicate"], share=1, most=5)
    one, two = sandbox.x.post("one"), sandbox.x.post("two")
    assert [post["id"] for post in await pages(x)] == [two, one, two]
    assert [post["id"] for post in await pages(x)] == [two, one]
    async with listening(sandbox) as listener:
        ts = sandbox.slack.say("#feedback", "twice")
        await until(lambda: len(listener.events) == 2)
        assert [event["ts"] for event in listener.events] == [ts, ts]
    attempts = [
        e.attempt for e in sandbox.log.entries if isinstance(e, Given) and e.via == "socket"
    ]
    assert attempts == [0, 1]


async def test_a_dropped_socket_loses_no_event(sandbox: Sandbox, clock: ManualClock) -> None:
    async with listening(sandbox) as first:
        sandbox.faults.set(["disconnect"], share=10)
        sandbox.slack.say("#feedback", "hello?")
        await until(lambda: not sandbox.slack.sockets.connections)
        await until(lambda: faults(sandbox) == [("disconnect", "slack")])
        assert first.events == []
    async with listening(sandbox) as second:
        await until(lambda: clock.next_in == 3)
        clock.advance(3)
        await until(lambda: bool(acknowledged(sandbox)))
        assert [event["text"] for event in second.events] == ["hello?"]


async def test_the_same_seed_brings_the_same_faults(clock: ManualClock) -> None:
    async def run(seed: int) -> list[bool]:
        box = Sandbox(clock=clock, faults=frozenset({"all"}), seed=seed)
        return [box.faults.hit("5xx", "x", "somewhere") for _ in range(200)]

    assert await run(1) == await run(1)
    assert await run(1) != await run(2)


async def test_faults_are_bounded(clock: ManualClock) -> None:
    box = Sandbox(clock=clock, faults=frozenset({"lost-answer"}))
    hits = sum(box.faults.hit("lost-answer", "slack", "chat.postMessage") for _ in range(10_000))
    assert hits == box.faults.rates["lost-answer"].most
    assert 0 < hits < 100


def test_an_unknown_fault_is_refused(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="unknown fault 'flood'"):
        Sandbox(clock=clock, faults=frozenset({"flood"}))
