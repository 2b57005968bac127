"""The three kinds of failure, each with its exception.

    Exception
    ├── TransientError      a dependency (broker, X, Slack, disk, model service) fails: retried
    │   │                   forever with backoff; carries `dependency` and `retry_after`
    │   └── CircuitOpen     the error budget is spent: the stage stops until a restart
    ├── BadRecord           the record can never pass: sent to the dead-letter queue at once
    └── anything else       a bug: MAX_ATTEMPTS tries, then dead-letter queue and error budget

Only a stage raises CircuitOpen; handlers raise the others.
"""


class TransientError(Exception):
    """A dependency fails; the same record is retried with backoff, without limit.

    `dependency` is its short name on the page (`slack`, `x`, `kafka`, `model`, `disk`).
    `retry_after` is the wait in seconds that it asked for, or None.
    """

    def __init__(self, dependency: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.dependency = dependency
        self.retry_after = retry_after


class CircuitOpen(TransientError):
    """Bugs have spent the error budget of a stage: it takes no records until a restart."""


class BadRecord(Exception):
    """A record that no retry will help; the message is the dead letter's reason."""

    def __init__(self, reason: str, error: str = "BadRecord") -> None:
        super().__init__(reason)
        self.error = error
