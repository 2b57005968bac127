"""What a polled source is made from, beside its own configuration."""

from collections.abc import Callable
from dataclasses import dataclass, field

from feedback_app.settings import ConfigurationError, Settings
from feedback_app.sources.base import Gate
from feedback_app.sources.x.client import XClient


@dataclass(slots=True)
class Kit:
    """Settings, the budget's gate, the time (Unix seconds) and the X client that all share."""

    settings: Settings
    gate: Gate
    clock: Callable[[], float]
    _x: XClient | None = field(default=None, repr=False)

    def x(self) -> XClient:
        """Return the one X client; raises ConfigurationError where the token is missing."""
        if self._x is None:
            token = self.settings.x_bearer_token
            if token is None:
                raise ConfigurationError(
                    "FEEDBACK_X_BEARER_TOKEN is needed to read X: copy it from the keys and "
                    "tokens of the app"
                )
            self._x = XClient(token, self.settings.x_api_url, self.clock)
        return self._x

    async def close(self) -> None:
        """Close the X client, if one was made."""
        if self._x is not None:
            await self._x.close()
