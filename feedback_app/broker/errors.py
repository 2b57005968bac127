"""The user-facing error of the local broker."""

from feedback_app.settings import ConfigurationError


class BrokerUnavailable(ConfigurationError):
    """The local broker cannot be installed or started; the message says what to change."""
