"""The feedback monitor: scores messages from X and Slack in real time and alerts in Slack.

`feedback_app.app` is the Faust application; it is built from the environment on first access.
"""

from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    if name == "app":
        # `faust -A feedback_app` reads this before it looks up its command.
        from feedback_app.cli import register
        from feedback_app.worker import app

        register()
        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
