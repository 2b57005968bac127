"""Every failure of Slack's Web API has a name, a state and, where it helps, a remedy."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from feedback_app.slack.api import fault, find_channels
from feedback_app.sources.slack.names import display_name


def refused(status: int, data: Any, headers: dict[str, str] | None = None) -> SlackApiError:
    """Return the error that slack_sdk raises for an answer."""
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/auth.test",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("refused", response)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("status", "data", "headers", "state", "wait", "words"),
    [
        (
            429,
            {"ok": False, "error": "ratelimited"},
            {"Retry-After": "7"},
            "rate_limited",
            7,
            "7 s",
        ),
        (429, {"ok": False}, {}, "rate_limited", 30, "30 s"),
        (200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "x"}, "rate_limited", 30, ""),
        (200, {"ok": False, "error": "token_revoked"}, {}, "unauthorised", None, "install"),
        (
            200,
            {"ok": False, "error": "missing_scope", "needed": "users:read"},
            {},
            "unauthorised",
            None,
            "users:read",
        ),
        (200, {"ok": False, "error": "internal_error"}, {}, "failing", None, "internal_error"),
        (503, "<html>", {}, "failing", None, "503"),
    ],
)
def test_by_answer(
    status: int, data: Any, headers: dict[str, str], state: str, wait: float | None, words: str
) -> None:
    found = fault(refused(status, data, headers))
    assert (found.dependency, found.state, found.retry_after) == ("slack", state, wait)
    assert words in str(found)


@given(
    st.integers(200, 599),
    st.none() | st.text() | st.dictionaries(st.sampled_from(["error", "needed"]), st.text()),
    st.dictionaries(st.just("Retry-After"), st.text()),
)
def test_any_answer_has_a_fault(status: int, data: Any, headers: dict[str, str]) -> None:
    found = fault(refused(status, data, headers))
    assert found.retry_after is None or found.retry_after >= 1


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ({"user": {"profile": {"display_name": "mira", "real_name": "Mira S"}}}, "mira"),
        ({"user": {"profile": {"display_name": "", "real_name": "Mira S"}}}, "Mira S"),
        ({"user": {"name": "m"}}, "m"),
        ({"user": {"profile": []}}, None),
        ({"user": 17}, None),
        ({}, None),
    ],
)
def test_the_name_that_people_see(answer: dict[str, Any], name: str | None) -> None:
    assert display_name(answer) == name


async def test_a_channel_listed_twice_is_found_once() -> None:
    # Slack's pages shift when a channel is made between two of them.
    page = {"channels": [{"id": "C1", "name": "feedback"}], "response_metadata": {}}
    pages = [page | {"response_metadata": {"next_cursor": "more"}}, page]

    class Listing:
        async def conversations_list(self, **_: Any) -> Any:
            return SimpleNamespace(data=pages.pop(0))

    client: Any = Listing()
    found = await find_channels(client, ["#feedback", "#missing"])
    assert found.ids == {"#feedback": "C1"}
    assert list(found.problems) == ["#missing"]
