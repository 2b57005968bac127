"""The sandbox without its server: clock, random sources, log, faults, X and Slack."""

from pathlib import Path
from random import Random
from typing import Any, TypedDict

from feedback_app.sandbox.clock import Clock, SystemClock
from feedback_app.sandbox.faults import Faults
from feedback_app.sandbox.log import Log
from feedback_app.sandbox.slack.api import Slack
from feedback_app.sandbox.x.api import X


class Options(TypedDict, total=False):
    """The keyword arguments of `World`."""

    posts_per_second: float | None
    faults: frozenset[str]
    seed: int
    log_path: Path | None
    clock: Clock | None
    x: dict[str, Any]
    slack: dict[str, Any]


class World:
    """The two stand-in platforms and what they share."""

    url: str = ""
    """The base URL of the page, without a trailing slash."""

    def __init__(
        self,
        *,
        posts_per_second: float | None = 1.0,
        faults: frozenset[str] = frozenset(),
        seed: int = 0,
        log_path: Path | None = None,
        clock: Clock | None = None,
        x: dict[str, Any] | None = None,
        slack: dict[str, Any] | None = None,
    ) -> None:
        """`posts_per_second` is the rate limit of a Slack channel (None: unlimited).

        `faults` are names from `faults.NAMES`, or `all`; raises ValueError for any other. `seed`
        seeds all randomness. `x` and `slack` are passed to the two stand-ins as keyword arguments.
        """
        self.clock: Clock = clock or SystemClock()
        self.log = Log(self.clock.now, log_path)
        # Separate random sources: activity on one platform does not change the other.
        self.faults = Faults(faults, Random(f"faults {seed}"), self.log)  # noqa: S311
        self.x = X(
            self.clock,
            Random(f"x {seed}"),  # noqa: S311
            self.faults,
            self.log,
            lambda: self.url,
            **(x or {}),
        )
        self.slack = Slack(
            self.clock,
            Random(f"slack {seed}"),  # noqa: S311
            self.faults,
            self.log,
            lambda: self.url,
            posts_per_second=posts_per_second,
            **(slack or {}),
        )
