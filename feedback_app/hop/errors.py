"""The three kinds of failure, each named by its exception.

Exception
├── OutsideFault     a broker, X, Slack, disk or model service fails: waited out, for ever
│   └── StageStopped     (not raised by handlers) too many bugs: the stage waits for a person
├── BadRecord        this record will never pass: a dead letter at once, with its reason
└── anything else    a bug: tried again, then dead letters under a rate cap
"""


class TransientError(Exception):
    """A dependency fails; the same record is retried after a backoff, without limit.

    `dependency` is its short name on the page (`slack`, `x`, `kafka`, `model`, `disk`);
    `retry_after` is the number of seconds that it asked for, if it did.
    """

    def __init__(self, dependency: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.dependency = dependency
        self.retry_after = retry_after


class CircuitOpen(TransientError):
    """A stage met more bugs than its cap allows and takes no more records until a restart."""


class BadRecord(Exception):
    """A record that no retry will help; the message is the dead letter's reason."""

    def __init__(self, reason: str, error: str = "BadRecord") -> None:
        super().__init__(reason)
        self.error = error
