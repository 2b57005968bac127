"""A sandbox that answers immediately, and settings that point to it."""

from collections.abc import AsyncIterator, Callable

import pytest

from feedback_app.load_settings import load
from feedback_app.sandbox import SLACK_APP_TOKEN, SLACK_BOT_TOKEN, X_BEARER_TOKEN, Sandbox
from feedback_app.settings import Settings
from tests.support.clocks import HandClock

Configure = Callable[..., Settings]


@pytest.fixture
def clock() -> HandClock:
    """Return a clock whose sleeps return immediately."""
    return HandClock()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Yield a sandbox without rate limits and delays."""
    box = Sandbox(posts_per_second=None, x={"index_delay": (0, 0)}, slack={"history_delay": (0, 0)})
    await box.start()
    yield box
    await box.stop()


@pytest.fixture
def configure(sandbox: Sandbox) -> Configure:
    """Return a function that makes settings for the sandbox, with the changes given."""

    def settings(**changes: str | None) -> Settings:
        values: dict[str, str | None] = {
            "slack_api_url": sandbox.slack_url,
            "slack_bot_token": SLACK_BOT_TOKEN,
            "slack_app_token": SLACK_APP_TOKEN,
            "slack_channels": "#feedback,#product",
            "ops_channel": "#feedback-ops",
            "x_api_url": sandbox.x_url,
            "x_bearer_token": X_BEARER_TOKEN,
            "x_query": "to:lumenkettle",
            "model": "hashing",
        }
        values |= changes
        return load({f"FEEDBACK_{name.upper()}": value for name, value in values.items() if value})

    return settings
