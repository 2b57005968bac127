"""Display names of Slack users: looked up once, remembered, and never waited for long."""

import asyncio
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from feedback_app.clock import Clock
from feedback_app.hop.errors import TransientError
from feedback_app.slack.client import ask
from feedback_app.sources.deliver import clean

PATIENCE_S = 0.3
KEPT_S = 6 * 3600.0
FAILED_KEPT_S = 60.0
MOST = 10_000
AT_ONCE = 4


class Names:
    """The names of users by their ids."""

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._known: dict[str, tuple[float, str | None]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._not_before = 0.0

    def get(self, user: str) -> str | None:
        """Return a user's name, if it is known by now."""
        return self._known.get(user, (0.0, None))[1]

    async def learn(self, user: str) -> None:
        """Try to know a user's name; returns after 0.3 s at most, the look-up goes on."""
        until, _ = self._known.get(user, (0.0, None))
        now = self._clock.monotonic()
        if until > now or now < self._not_before:
            return
        task = self._asking.get(user)
        if task is None:
            task = self._asking[user] = asyncio.create_task(self._look_up(user))
            task.add_done_callback(lambda _: self._asking.pop(user, None))
        await asyncio.wait({task}, timeout=PATIENCE_S)

    async def close(self) -> None:
        """Give up look-ups under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, user: str) -> None:
        async with self._places:
            try:
                name = display_name(await ask(self._client.users_info(user=user)))
                kept = KEPT_S
            except TransientError as fault:
                name, kept = None, FAILED_KEPT_S
                if fault.retry_after is not None:
                    self._not_before = self._clock.monotonic() + fault.retry_after
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[user] = (self._clock.monotonic() + kept, name)


def display_name(answer: dict[str, Any]) -> str | None:
    """Return the name that people see, from an answer of users.info."""
    user = answer.get("user")
    profile = user.get("profile") if isinstance(user, dict) else None
    for found in (
        profile.get("display_name") if isinstance(profile, dict) else None,
        profile.get("real_name") if isinstance(profile, dict) else None,
        user.get("name") if isinstance(user, dict) else None,
    ):
        if name := clean(found):
            return name
    return None
