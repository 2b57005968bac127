"""A worker that leaves its group logs what the broker answered."""

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    UnknownMemberIdError,
)

from feedback_app.hop.leaving import _leave_as

MOVED, NEW = 1, 2


@dataclass
class Answer:
    """A broker's answer to a request to leave."""

    error_code: int


@dataclass
class Client:
    """Brokers that answer with these errors; `looked_up` is the coordinator's node."""

    answers: dict[int, type[KafkaError]]
    looked_up: int = NEW
    asked: list[int] = field(default_factory=list)

    async def coordinator_lookup(self, kind: int, group: str) -> int:
        return self.looked_up

    async def send(self, node: int, request: object, *, group: str) -> Answer:
        self.asked.append(node)
        return Answer(self.answers[node].errno)


async def leave(client: Client, known: int | None) -> None:
    coordinator: Any = type("Coordinator", (), {})()
    coordinator._client, coordinator.group_id = client, "feedback"
    coordinator.coordinator_id = known
    await _leave_as(coordinator, "member")


async def test_a_coordinator_that_moved_is_looked_up_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client = Client({MOVED: NotCoordinatorForGroupError, NEW: NoError})
    await leave(client, MOVED)
    assert client.asked == [MOVED, NEW]
    assert [one.getMessage() for one in caplog.records] == ["left the group feedback"]


async def test_a_coordinator_that_is_not_found_is_not_looked_up_forever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client({MOVED: NotCoordinatorForGroupError}, looked_up=MOVED)
    await leave(client, None)
    assert client.asked == [MOVED, MOVED]
    assert "could not leave the group feedback" in caplog.text
    assert "NotCoordinatorForGroupError" in caplog.text


@pytest.mark.parametrize(
    "refusal", [GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError]
)
async def test_a_refused_leave_is_not_reported_as_left(
    caplog: pytest.LogCaptureFixture, refusal: type[KafkaError]
) -> None:
    caplog.set_level(logging.INFO)
    client = Client({NEW: refusal})
    await leave(client, NEW)
    assert client.asked == [NEW]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert refusal.__name__ in record.getMessage()


async def test_a_member_that_has_left_already_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await leave(Client({NEW: UnknownMemberIdError}), NEW)
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.INFO, "the group feedback had forgotten this member already")
    ]
