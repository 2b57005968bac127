"""Buttons of messages in Slack: what a press sends here, and when it counts as handled."""

from collections.abc import Awaitable, Callable
from typing import Any

OnPress = Callable[[dict[str, Any]], Awaitable[None]]
"""Handles the payload of an `interactive` envelope.

Slack is sent the acknowledgement once it returns; if it raises TransientError, Slack repeats the
press.
"""
