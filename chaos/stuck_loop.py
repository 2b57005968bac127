"""A worker whose alerts stage blocks the event loop on a certain text.

Run it like the program: `python -m chaos.stuck_loop worker -l info`.
"""

import time
from collections.abc import Iterable

from agents import alerts
from feedback_app.__main__ import main
from feedback_app.alerting.rules import ResolvedRule
from models import Alert, ScoredFeedback

WORD = "block the loop"
BLOCKS_S = 20.0


def plant() -> None:
    """Patch this process."""
    operations = alerts.operations  # type: ignore[attr-defined]

    def blocking(scored: ScoredFeedback, rules: Iterable[ResolvedRule], now: float) -> list[Alert]:
        if WORD in scored.feedback.text:
            time.sleep(BLOCKS_S)
        return operations(scored, rules, now)

    alerts.operations = blocking  # type: ignore[attr-defined]


if __name__ == "__main__":
    plant()
    main()
