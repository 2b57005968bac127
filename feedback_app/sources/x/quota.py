"""X's limits as a quota of all its sources: how their polls are spaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback_app.sources.x.limits import PLANNED_REQUESTS, REQUEST_WINDOW_S

if TYPE_CHECKING:
    from feedback_app.sources.protocol import Context
    from feedback_app.sources.quota import Meter


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
