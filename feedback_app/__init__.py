"""The feedback monitor: what people say on X and Slack, scored as they say it, told in Slack.

`feedback_app.app` is the Faust application; it is made when something asks for it, from the
environment.
"""

from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    if name == "app":
        # `faust -A feedback_app` asks for this before it looks for its command.
        from feedback_app.cli import register
        from feedback_app.worker import app

        register()
        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
