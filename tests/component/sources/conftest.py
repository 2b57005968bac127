"""A sandbox whose clock the test moves, and a context for the sources around it."""

from collections.abc import AsyncIterator

import pytest

from feedback_app.sandbox import ManualClock, Sandbox
from feedback_app.sources.slack import names as slack_names
from feedback_app.sources.testing import START


@pytest.fixture(autouse=True)
def long_wait_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an author's name however slow the machine is."""
    monkeypatch.setattr(slack_names, "MAX_WAIT_S", 60.0)


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
