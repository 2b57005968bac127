"""The routes over real HTTP: answers, token, checks and headers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, CookieJar

from feedback_app.web import security
from tests.web_view import ENVIRON, FakeView, busy_view, serve

TOKEN = "a-long-secret-token"
PATHS = ("/", "/stats", "/metrics", "/events", "/api/recent", "/no-such-page")
HTML = {"Accept": "text/html"}


@pytest.fixture
async def view() -> FakeView:
    return busy_view()


@pytest.fixture
async def page(view: FakeView) -> AsyncIterator[str]:
    runner, url = await serve(view)
    yield url
    await runner.cleanup()


@pytest.fixture
async def guarded() -> AsyncIterator[str]:
    runner, url = await serve(busy_view(FEEDBACK_WEB_TOKEN=TOKEN))
    yield url
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


async def test_every_path_answers_with_its_type_and_the_headers(
    page: str, http: ClientSession
) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/stats", "application/json"),
        ("/metrics", "text/plain"),
        ("/api/recent", "application/json"),
        ("/healthz", "application/json"),
        ("/readyz", "application/json"),
        ("/events", "text/event-stream"),
        ("/static/app.css", "text/css"),
        # Some systems know JavaScript by its former name.
        ("/static/app.js", "text/javascript|application/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
        ("/no-such-page", "text/plain"),
    ):
        async with http.get(page + path) as answer:
            assert answer.status == (404 if path == "/no-such-page" else 200), path
            assert answer.content_type in kind.split("|"), path
            for name, value in security.HEADERS.items():
                assert answer.headers[name] == value, path
            assert answer.headers["Cache-Control"] in ("no-store", "no-cache"), path


async def test_the_page_has_no_inline_script_or_style_and_no_foreign_resource(
    page: str, http: ClientSession
) -> None:
    for path in ("/", "/login"):
        async with http.get(page + path) as answer:
            text = await answer.text()
        assert "style=" not in text
        assert "<style" not in text
        assert not re.search(r"\son\w+=", text)
        assert "://" not in text
        assert text.count("<script") == text.count('<script type="module" src="/static/app.js">')


async def test_no_answer_contains_a_secret(http: ClientSession) -> None:
    runner, url = await serve(busy_view(FEEDBACK_WEB_TOKEN=TOKEN))
    try:
        for path in ("/", "/stats", "/metrics", "/api/recent", "/healthz", "/readyz", "/login"):
            async with http.get(url + path, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                text = await answer.text() + str(answer.headers)
            for secret in (TOKEN, *(v for v in ENVIRON.values() if "secret" in v)):
                assert secret not in text, path
    finally:
        await runner.cleanup()


async def test_without_the_token_only_the_probes_and_the_form_answer(
    guarded: str, http: ClientSession
) -> None:
    for path in PATHS:
        async with http.get(guarded + path) as answer:
            assert answer.status == 401, path
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert await answer.json() == {"error": "send the token as Authorization: Bearer"}
    for path in ("/healthz", "/readyz"):
        async with http.get(guarded + path) as answer:
            assert answer.status == 200
            assert await answer.json() == {"ok": True, "reasons": []}
    async with http.get(guarded, headers=HTML) as answer:
        assert answer.status == 401
        assert 'type="password"' in await answer.text()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer", 401),
    ],
)
async def test_the_bearer_token_opens_everything(
    guarded: str, http: ClientSession, given: str, status: int
) -> None:
    async with http.get(guarded + "/stats", headers={"Authorization": given}) as answer:
        assert answer.status == status


async def test_login_opens_a_session_and_logout_ends_it(guarded: str, http: ClientSession) -> None:
    async with http.post(guarded + "/login", data={"token": "wrong"}) as answer:
        assert answer.status == 401
        assert 'data-wrong="true"' in await answer.text()
        assert security.COOKIE not in answer.cookies
    async with http.post(
        guarded + "/login", data={"token": TOKEN}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.cookies[security.COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert TOKEN not in cookie.value
    async with http.get(guarded + "/stats") as answer:
        assert answer.status == 200
    async with http.post(guarded + "/logout", allow_redirects=False) as answer:
        assert answer.status == 303
    async with http.get(guarded + "/stats") as answer:
        assert answer.status == 401


async def test_a_session_ends_after_a_week(http: ClientSession) -> None:
    view = busy_view(FEEDBACK_WEB_TOKEN=TOKEN)
    runner, url = await serve(view)
    try:
        async with http.post(url + "/login", data={"token": TOKEN}) as answer:
            assert answer.status == 200
        view.clock.now += security.SESSION_S
        async with http.get(url + "/stats") as answer:
            assert answer.status == 401
    finally:
        await runner.cleanup()


async def test_another_host_name_is_refused_on_loopback(page: str, http: ClientSession) -> None:
    for path in ("/", "/stats", "/healthz"):
        async with http.get(page + path, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421


async def test_another_page_cannot_log_anybody_in_or_out(guarded: str, http: ClientSession) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/login", "/logout"):
            async with http.post(guarded + path, data={"token": TOKEN}, headers=headers) as answer:
                assert answer.status == 403
                assert security.COOKIE not in answer.cookies


async def test_a_large_body_is_refused_with_and_without_its_length(
    guarded: str, http: ClientSession
) -> None:
    body = b"token=" + b"x" * (security.MAX_BODY_BYTES + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for data in (body, chunks()):
        async with http.post(guarded + "/login", data=data, headers=form) as answer:
            assert answer.status == 413


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"abc"),
        ("multipart/form-data; boundary=x", b"--x\r\nabc--"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=a"),
        ("application/x-www-form-urlencoded", b"token=\xff"),
    ],
)
async def test_a_malformed_form_is_a_bad_request(
    guarded: str, http: ClientSession, kind: str, body: bytes
) -> None:
    headers = {"Content-Type": kind}
    async with http.post(guarded + "/login", data=body, headers=headers) as answer:
        assert answer.status == 400
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    async with http.post(guarded + "/login", data=body, headers=headers) as answer:
        assert answer.status == 400


async def test_a_long_path_is_refused(page: str, http: ClientSession) -> None:
    async with http.get(page + "/static/" + "a" * 300) as answer:
        assert answer.status == 414
        assert "Content-Security-Policy" in answer.headers


async def test_nothing_outside_the_static_folder_is_served(page: str, http: ClientSession) -> None:
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/"):
        async with http.get(page + path) as answer:
            assert answer.status in (403, 404), path


async def test_the_probes_name_what_is_stuck_and_which_dependency_fails(
    page: str, view: FakeView, http: ClientSession
) -> None:
    view.stuck, view.faults = True, {"slack": "xoxb-secret in an error"}
    async with http.get(page + "/healthz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ok": False, "reasons": ["stage-stuck:sentiment"]}
    async with http.get(page + "/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ok": True, "reasons": ["outside-fault:slack"]}
    view.assigned = False
    async with http.get(page + "/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"][0] == "no-partitions-assigned"


async def test_the_series_of_the_day_adds_up_to_the_totals(
    page: str, view: FakeView, http: ClientSession
) -> None:
    async with http.get(page + "/api/recent") as answer:
        recent = await answer.json()
    day = recent["day"]
    assert len(day["rows"]) == 96
    assert day["step_s"] == 900
    assert day["rows"][-1][0] <= view.clock.now < day["rows"][-1][0] + 900
    ingested = sum(row[1 + day["names"].index("ingested")] for row in day["rows"])
    total = sum(c["ingested"] for c in view.ledger.totals("sentiment").values())
    assert 0 < ingested <= total
    assert len(recent["messages"]) == 50
    assert len(recent["alerts"]) == 30


async def test_events_bring_every_part_and_end_when_the_server_stops(
    http: ClientSession,
) -> None:
    runner, url = await serve(busy_view())
    async with http.get(url + "/events") as answer:
        found = {}
        for _ in range(5):
            name = (await answer.content.readline()).decode().strip()
            data = (await answer.content.readline()).decode().strip()
            assert await answer.content.readline() == b"\n"
            found[name.removeprefix("event: ")] = json.loads(data.removeprefix("data: "))
        assert set(found) == {"figures", "hour", "day", "messages", "alerts"}
        assert found["figures"]["stats"]["balanced"] is True
        async with asyncio.timeout(60):
            await runner.cleanup()
            await answer.content.read()
