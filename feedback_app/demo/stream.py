"""The input of a demo: the bundled feedback at a human pace, or the lines of a file."""

from collections.abc import Sequence

from feedback_app.demo.plan import FEEDBACK_CHANNELS, Plan
from feedback_app.sandbox import Sandbox
from feedback_app.sandbox.player import DEMO, Item, Player, load
from feedback_app.settings import ConfigurationError

HUMAN_RATE = 1.0
FILE_RATE = 100.0
"""The default rate for a file, in messages per second."""


def items_of(plan: Plan) -> list[Item]:
    """Return the items to play; raises ConfigurationError for an invalid file."""
    try:
        items = load(plan.input or DEMO)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if not items:
        raise ConfigurationError(f"{plan.input} has no lines")
    return items


def player_of(plan: Plan, sandbox: Sandbox, items: Sequence[Item]) -> Player:
    """Return a player for the items."""
    rate = plan.rate or (HUMAN_RATE if plan.input is None else FILE_RATE)
    return Player(sandbox, items, via=plan.via, rate=rate, channels=FEEDBACK_CHANNELS)
