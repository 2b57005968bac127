"""A sandbox whose clock the test moves, and a context for the sources around it."""

from collections.abc import AsyncIterator

import pytest

from feedback_app.sandbox import ManualClock, Sandbox

START = 1_790_000_000.0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away proxies: slack_sdk would send loopback traffic there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(START)


@pytest.fixture
async def sandbox(clock: ManualClock) -> AsyncIterator[Sandbox]:
    """Yield a sandbox that shows everything at once."""
    box = Sandbox(
        clock=clock,
        posts_per_second=None,
        x={"index_delay": (0, 0)},
        slack={"history_delay": (0, 0)},
    )
    await box.start()
    yield box
    await box.stop()
