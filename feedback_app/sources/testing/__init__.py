"""The test kit for sources. It needs no test framework.

`MemoryContext` is what the pipeline hands to sources, with a list for a broker; `SteppedClock` its
clock; `Worker` polls as the stage does; `registered` adds a source type for the time of a test.
Every polled source must pass `PolledSourceContract`. Subclass it in a test module, name the class
`Test…`, and return a stand-in of the platform from `upstream`:

    class TestRss(PolledSourceContract):
        @asynccontextmanager
        async def upstream(self):
            with registered("rss", "my_package.rss:RSS"):
                settings = settings_of({"id": "feed", "type": "rss", "url": "…"})
                yield FakeFeed(MemoryContext(settings))
"""

from feedback_app.sources.testing.context import (
    START,
    MemoryContext,
    MemoryShared,
    SteppedClock,
    Worker,
    registered,
    settings_of,
    until,
)
from feedback_app.sources.testing.contract import PolledSourceContract, Upstream

__all__ = [
    "START",
    "MemoryContext",
    "MemoryShared",
    "PolledSourceContract",
    "SteppedClock",
    "Upstream",
    "Worker",
    "registered",
    "settings_of",
    "until",
]
