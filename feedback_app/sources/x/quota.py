"""X's limits as a quota of all its sources: how their polls are spaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedback_app.sources.base import Context
    from feedback_app.sources.quota import Meter

REQUEST_WINDOW_S = 900
WINDOW_REQUESTS = 450
"""X's limit on searches in 15 minutes, of the app and so of all its sources together."""
PLANNED_REQUESTS = 360
"""What the regular polls may use of it; the rest is for paging through bursts and gaps."""


@dataclass(frozen=True, slots=True)
class XQuota:
    """The quota of `x-search` and `x-stream`."""

    def spaced(self, wished: Mapping[str, float]) -> dict[str, float]:
        """Return {source id: seconds between two polls} within X's limit. Pure.

        Where all the wishes together are over the limit, the rates are cut at one height: a source
        that asks for less than its fair share keeps what it asked for.
        """
        rates = {name: REQUEST_WINDOW_S / seconds for name, seconds in wished.items()}
        left, share = float(PLANNED_REQUESTS), {}
        ranked = sorted(rates.items(), key=lambda item: item[1])
        for done, (name, rate) in enumerate(ranked):
            share[name] = min(rate, left / (len(ranked) - done))
            left -= share[name]
        return {name: REQUEST_WINDOW_S / share[name] for name in wished}

    def meter(self, context: Context) -> Meter:
        """Return a meter for this process."""
        from feedback_app.sources.x.meter import XMeter

        return XMeter(context)
