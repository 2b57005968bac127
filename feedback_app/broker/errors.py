"""The one failure that the local broker reports to a person."""

from feedback_app.settings import ConfigurationError


class BrokerUnavailable(ConfigurationError):
    """The local broker cannot be had or cannot start; the message says what to change."""
