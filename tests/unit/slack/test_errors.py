"""Every failure of Slack's Web API has a name, a state and, where it helps, a remedy."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from feedback_app.slack.directory import find_channels, list_channels
from feedback_app.slack.errors import WORDS, Meaning, SlackError, failure_of
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.slack.calls import as_source_faults
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


def fault(error: SlackApiError) -> SourceFault:
    """Return what a source is left with by such an answer."""
    with pytest.raises(SourceFault) as raised, as_source_faults():
        raise SlackError(failure_of(error))
    return raised.value


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


def words_that_mean(meaning: Meaning) -> set[str]:
    return {name for name, word in WORDS.items() if word.meaning is meaning}


def test_the_table_of_words() -> None:
    assert words_that_mean(Meaning.UNCERTAIN) == {
        "fatal_error",
        "internal_error",
        "service_unavailable",
    }
    assert words_that_mean(Meaning.GONE) == {"message_not_found"}
    assert {"is_archived", "missing_scope", "not_in_channel"} < words_that_mean(Meaning.CHANNEL)
    assert {"token_revoked", "ratelimited", "update_failed"} < words_that_mean(Meaning.TRANSIENT)
    assert {name for name, word in WORDS.items() if word.access} == {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
    assert all(word.remedy for word in WORDS.values() if word.access)


class Listing:
    """A client that lists channels page by page."""

    base_url = "https://slack.test/api/"

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = list(pages)

    async def conversations_list(self, **_: Any) -> Any:
        page = self.pages.pop(0)
        cursor = {"next_cursor": "more" if self.pages else ""}
        return SimpleNamespace(data={"channels": page, "response_metadata": cursor}, headers={})


FEEDBACK = {"id": "C1", "name": "feedback"}


async def test_a_channel_listed_twice_is_found_once() -> None:
    # Slack's pages shift when a channel is made between two of them.
    client: Any = Listing([FEEDBACK], [FEEDBACK])
    found = await find_channels(client, ["#feedback", "#missing"])
    assert found.ids == {"#feedback": "C1"}
    assert [name for name in ("#feedback", "#missing") if found.problem(name)] == ["#missing"]


async def test_channels_are_found_by_name_and_id_with_what_is_wrong_with_them() -> None:
    old, outside = FEEDBACK | {"is_archived": True}, {"id": "C2", "name": "x", "is_member": False}
    client: Any = Listing([old, outside], [{"id": "C3", "name": "feedback"}], [FEEDBACK])
    found = await find_channels(client, ["#feedback", "C2"])
    assert found.ids == {"#feedback": "C3", "C2": "C2"}
    assert found.problem("#feedback") is None
    assert "not in it" in (found.problem("C2") or "")
    assert len(client.pages) == 1, "it reads no further than it has to"
    client = Listing([old], [outside])
    found = await find_channels(client, ["#feedback"])
    assert (found.ids, found.readable) == ({"#feedback": "C1"}, {})
    assert "archived" in (found.problem("#feedback") or "")


async def test_all_channels_are_listed_to_the_last_page() -> None:
    client: Any = Listing([FEEDBACK], [{"id": "C2", "name": "x"}])
    assert [channel.name for channel in await list_channels(client)] == ["#feedback", "#x"]
