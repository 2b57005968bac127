"""What an answer of Slack means to the outbox."""

import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from slack_sdk.errors import SlackApiError

from feedback_app.alerting.outcome import NotDone, Outcome, Refused, Uncertain
from feedback_app.alerting.receivers.slack.outcomes import outcome_of
from feedback_app.slack.errors import failure_of
from feedback_app.slack.guard import Withheld

KEY = ConnectionKey("slack.test", 443, True, True, None, None, None)


def of_error(error: Exception) -> Outcome:
    """Return the outcome of a call that raised this."""
    return outcome_of(failure_of(error))


class Response:
    """As much of the SDK's response as tells what happened."""

    def __init__(self, status: int, data: Any = None, headers: dict[str, str] | None = None):
        self.status_code, self.data, self.headers = status, data, headers or {}


def answered(status: int, data: Any = None, headers: dict[str, str] | None = None) -> Exception:
    """Return the SDK's exception of an answer."""
    return SlackApiError("failed", Response(status, data, headers))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(429, {}, {"Retry-After": "30"}), NotDone("ratelimited", 30)),
        (answered(429, {}), NotDone("ratelimited", 1)),
        (answered(429, {}, {"Retry-After": "soon"}), NotDone("ratelimited", 1)),
        (answered(500, {"ok": False, "error": "is_archived"}), Uncertain("HTTP 500")),
        (answered(200, {}), Uncertain("HTTP 200")),
        (answered(200, {"error": "is_archived"}), Refused("is_archived", True)),
        (answered(200, {"error": "msg_too_long"}), Refused("msg_too_long", False)),
        (answered(200, {"error": "some_new_word"}), Refused("some_new_word", False)),
        (answered(200, {"error": "token_revoked"}), NotDone("token_revoked")),
        # Slack moves the channel just now, or failed itself to change a message.
        (
            answered(200, {"error": "external_channel_migrating"}),
            NotDone("external_channel_migrating"),
        ),
        (answered(200, {"error": "update_failed"}), NotDone("update_failed")),
        (answered(200, {"error": "internal_error"}), Uncertain("internal_error")),
        (answered(200, {"error": "missing_scope"}), Refused("missing_scope", True)),
        (answered(200, {"error": "message_not_found"}), Refused("message_not_found", False, True)),
        (Withheld("no"), NotDone("Withheld: no")),
    ],
)
def test_answers(error: Exception, expected: object) -> None:
    assert of_error(error) == expected


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()),
        aiohttp.ClientConnectorDNSError(KEY, OSError("no such host")),
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError()),
        aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError()),
        aiohttp.ConnectionTimeoutError(),
    ],
)
def test_what_never_left_was_not_posted(error: Exception) -> None:
    assert isinstance(of_error(error), NotDone)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        aiohttp.ServerTimeoutError(),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ClientPayloadError(),
        ConnectionResetError(),
        AttributeError("the SDK on a body that is a list"),
    ],
)
def test_what_left_without_an_answer_is_uncertain(error: Exception) -> None:
    assert isinstance(of_error(error), Uncertain)
