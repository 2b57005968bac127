"""Connections to Kafka."""

import asyncio

import pytest

from feedback_app.kafka.clients import _start
from feedback_app.load_settings import load


async def test_a_start_that_is_cut_off_leaves_no_connection_open() -> None:
    # As a rebalance does while a partition's state is read.
    class Client:
        def __init__(self) -> None:
            self.begun, self.stopped = asyncio.Event(), False

        async def start(self) -> None:
            self.begun.set()
            await asyncio.Event().wait()

        async def stop(self) -> None:
            self.stopped = True

    client = Client()
    start = asyncio.create_task(_start(client, load({})))
    await client.begun.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert client.stopped
