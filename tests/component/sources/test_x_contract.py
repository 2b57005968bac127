"""`x-search` keeps the contract of polled sources, with tweepy against the stand-in X."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from feedback_app.sandbox import PRODUCT_QUERY, X_BEARER_TOKEN, ManualClock, Sandbox
from feedback_app.sources.testing import START, MemoryContext, PolledSourceContract, settings_of
from tests.component.sources.sandbox_clock import SandboxClock


class StandIn:
    """The sandbox's X, and a context whose source searches it."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock) -> None:
        self._sandbox, self._clock = sandbox, clock
        source = {"id": "x", "type": "x-search", "query": PRODUCT_QUERY, "start": "1h"}
        settings = settings_of(source, x_bearer_token=X_BEARER_TOKEN, x_api_url=sandbox.x_url)
        self.context = MemoryContext(settings, SandboxClock(clock))

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.advance(seconds)

    def put(self, text: str) -> str:
        """Post something."""
        return f"x:{self._sandbox.x.post(text)}"

    def put_malformed(self) -> None:
        """Make X add a malformed item to its next answer."""
        self._sandbox.faults.set(["odd"], share=1.0)

    def fail(self) -> None:
        """Detach the app from its project."""
        self._sandbox.x.gate.enrolled = False

    def recover(self) -> None:
        """Attach it again."""
        self._sandbox.x.gate.enrolled = True


class TestXSearch(PolledSourceContract):
    @asynccontextmanager
    async def upstream(self) -> AsyncIterator[StandIn]:
        """Return the stand-in, which shows each post at once."""
        clock = ManualClock(START)
        sandbox = Sandbox(clock=clock, posts_per_second=None, x={"index_delay": (0, 0)})
        await sandbox.start()
        try:
            yield StandIn(sandbox, clock)
        finally:
            await sandbox.stop()
