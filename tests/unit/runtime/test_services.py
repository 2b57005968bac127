"""The web server of a worker, and services around a coroutine."""

import asyncio
import socket

import pytest
from aiohttp import ClientSession, web

from feedback_app.load_settings import load
from feedback_app.runtime.services import TaskService, WebServer
from feedback_app.settings import ConfigurationError, Settings


def settings(port: int) -> Settings:
    return load({"FEEDBACK_WEB_PORT": str(port)})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_it_serves_what_is_attached_at_its_address() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    def attach(app: web.Application) -> None:
        app.router.add_get("/", hello)

    server = WebServer(settings(free_port()), attach)
    await server.on_start()
    async with ClientSession() as http, http.get(server.web_url) as answer:
        assert await answer.text() == "hello"
    await server.on_stop()


async def test_a_taken_port_is_a_configuration_error_that_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WebServer(settings(port), lambda app: None)
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} .*FEEDBACK_WEB_PORT"):
            await server.on_start()
        await server.on_stop()


async def test_a_task_runs_until_its_service_stops() -> None:
    calls: list[str] = []
    running = asyncio.Event()

    async def run() -> None:
        calls.append("run")
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            calls.append("end")

    service = TaskService(run)
    await service.start()
    async with asyncio.timeout(60):
        await running.wait()
        await service.stop()
    assert calls == ["run", "end"]
