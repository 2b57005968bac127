"""DeadLetter: a record in the dead-letter queue, on the topic `dead-letters`."""

import base64
import hashlib
from typing import Self

from models.wire import Wire

MAX_VALUE_BYTES = 256 * 1024
MAX_KEY_BYTES = 4096


class DeadLetter(Wire):
    """The failed record's bytes in base64, and why it failed.

    Values are truncated to 256 kB and keys to 4 kB; `length` and `sha256` are those of the whole
    value. For a payload that was not a Kafka record (a message from X or Slack) `topic` is the
    source's name and `offset` is -1.
    """

    VERSION = 1

    topic: str
    partition: int
    offset: int
    key: str | None
    value: str | None
    stage: str
    error: str
    reason: str
    attempts: int
    failed_at: str
    length: int = 0
    sha256: str | None = None
    version: int = 1

    @classmethod
    def of(
        cls,
        *,
        topic: str,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        stage: str,
        error: str,
        reason: str,
        attempts: int,
        failed_at: str,
    ) -> Self:
        """Return the dead letter of a record's bytes."""
        return cls(
            topic=topic,
            partition=partition,
            offset=offset,
            key=_base64(key[:MAX_KEY_BYTES] if key is not None else None),
            value=_base64(value[:MAX_VALUE_BYTES] if value is not None else None),
            stage=stage,
            error=error,
            reason=reason[:2000],
            attempts=attempts,
            failed_at=failed_at,
            length=len(value or b""),
            sha256=hashlib.sha256(value).hexdigest() if value is not None else None,
        )

    def key_bytes(self) -> bytes | None:
        """Return the failed record's key."""
        return None if self.key is None else base64.b64decode(self.key)

    def value_bytes(self) -> bytes | None:
        """Return the failed record's value, which may be truncated."""
        return None if self.value is None else base64.b64decode(self.value)

    @property
    def whole(self) -> bool:
        """Whether the value is not truncated, so that the record can be retried."""
        return self.length <= MAX_VALUE_BYTES


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
