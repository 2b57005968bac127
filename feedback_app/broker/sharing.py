"""One broker shared by the workers on a machine that use the same data directory.

A worker that finds no broker starts a keeper, a separate process that runs it, so that the broker
outlives the first worker. Each user holds a shared lock for its lifetime. The last user to close
stops the keeper and waits for it; if that user was killed, the keeper notices that the lock is free
and stops by itself. The kernel releases locks, so nothing is left behind.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.fetch import kafka_jars
from feedback_app.broker.layout import Layout, write_json
from feedback_app.broker.local import LocalKafka
from feedback_app.broker.locks import POLL_S, FileLock, is_held

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Announcement:
    """A running broker."""

    pid: int
    bootstrap: str
    stops_with_users: bool
    """Whether the process stops without users: a keeper does, `feedback broker` does not."""


@contextmanager
def announced(kafka: LocalKafka, *, stops_with_users: bool = False) -> Iterator[None]:
    """Publish the broker to other processes on this machine."""
    state = Layout(kafka.data).state
    write_json(state, asdict(Announcement(os.getpid(), kafka.bootstrap, stops_with_users)))
    try:
        yield
    finally:
        state.unlink(missing_ok=True)


def running_bootstrap(data: Path) -> str | None:
    """Return the address of the broker running on a data directory, or None."""
    found = _announcement(Layout.of(data))
    return None if found is None else found.bootstrap


class SharedBroker:
    """A handle on the shared broker; `close` releases it."""

    def __init__(self, layout: Layout, users: FileLock, bootstrap: str) -> None:
        self._layout = layout
        self._users = users
        self.bootstrap = bootstrap
        """The address for clients, `host:port`."""

    async def close(self) -> None:
        """Release the broker; the last user stops it and waits until it has stopped."""
        last = self._users.try_exclusive()
        found = _announcement(self._layout) if last else None
        if found is not None and found.stops_with_users:
            os.kill(found.pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while is_held(self._layout.owner_lock) and time.monotonic() < deadline:
                await asyncio.sleep(POLL_S)
        self._users.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


async def find_or_start(data: Path) -> SharedBroker:
    """Return the broker running on a data directory; starts one if there is none.

    Raises BrokerUnavailable, with one line that says what to change.
    """
    layout = Layout.of(data)
    try:
        layout.data.mkdir(parents=True, exist_ok=True)
        users = FileLock(layout.users_lock)
        while not users.try_shared():
            await asyncio.sleep(POLL_S)
    except OSError as error:
        raise BrokerUnavailable(
            f"cannot keep the broker's data in {data} ({error.strerror}): set FEEDBACK_DATA_DIR "
            "to a folder that can be written"
        ) from error
    try:
        async with _start_lock(layout):
            found = await _wait_for_running(layout) or await _start_keeper(layout)
    except BaseException:
        users.release()
        raise
    return SharedBroker(layout, users, found.bootstrap)


def _announcement(layout: Layout) -> Announcement | None:
    if not is_held(layout.owner_lock):
        return None
    try:
        return Announcement(**json.loads(layout.state.read_text()))
    except FileNotFoundError:
        return None


async def _wait_for_running(layout: Layout) -> Announcement | None:
    """Return the running broker, waiting for one that is starting; None if there is none."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := _announcement(layout)) is None and is_held(layout.owner_lock):
        if time.monotonic() > deadline:
            raise BrokerUnavailable(
                f"another process holds {layout.data} but its broker is not ready: stop it, or set "
                "FEEDBACK_DATA_DIR to another folder"
            )
        await asyncio.sleep(POLL_S)
    return found


async def _start_keeper(layout: Layout) -> Announcement:
    # Not in the keeper: this process has the terminal for the progress bar.
    await asyncio.to_thread(kafka_jars)
    keeper = _spawn_keeper(layout)
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := _announcement(layout)) is None:
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.kill()
            keeper.wait()
            output = layout.keeper_log.read_text(errors="replace").strip().splitlines()
            raise BrokerUnavailable(output[-1] if output else "the local broker did not start")
        await asyncio.sleep(POLL_S)
    # The keeper outlives this process; this silences Popen's ResourceWarning.
    keeper.returncode = 0
    return found


def _spawn_keeper(layout: Layout) -> subprocess.Popen[bytes]:
    with layout.keeper_log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "feedback_app.broker.keeper", str(layout.data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@asynccontextmanager
async def _start_lock(layout: Layout) -> AsyncIterator[None]:
    lock = FileLock(layout.start_lock)
    while not lock.try_exclusive():
        await asyncio.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()
