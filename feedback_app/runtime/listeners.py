"""Callbacks for "something is new": the page subscribes, what it shows notifies."""

from collections.abc import Callable

Callback = Callable[[], None]


class Listeners:
    """Callbacks that run on each notification, on the caller's task."""

    def __init__(self) -> None:
        self._callbacks: list[Callback] = []

    def subscribe(self, callback: Callback) -> Callback:
        """Add a callback; returns the unsubscribe."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def notify(self) -> None:
        """Run every callback."""
        for callback in self._callbacks:
            callback()
