"""Stand-ins for the X API v2 and Slack that the real clients talk to, for demo and tests."""

from feedback_app.sandbox.clock import Clock, ManualClock, SystemClock
from feedback_app.sandbox.faults import NAMES as FAULT_NAMES
from feedback_app.sandbox.faults import Rate
from feedback_app.sandbox.log import read_log
from feedback_app.sandbox.server import Sandbox
from feedback_app.sandbox.slack.web import SLACK_APP_TOKEN, SLACK_BOT_TOKEN
from feedback_app.sandbox.x.gate import X_BEARER_TOKEN
from feedback_app.sandbox.x.state import PRODUCT, PRODUCT_QUERY

__all__ = [
    "FAULT_NAMES",
    "PRODUCT",
    "PRODUCT_QUERY",
    "SLACK_APP_TOKEN",
    "SLACK_BOT_TOKEN",
    "X_BEARER_TOKEN",
    "Clock",
    "ManualClock",
    "Rate",
    "Sandbox",
    "SystemClock",
    "read_log",
]
