"""The decisions about access to the page."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback_app.load_settings import load
from feedback_app.web.security import (
    SESSION_S,
    known_host,
    own_origin,
    same,
    session,
    session_holds,
)

LOCAL = load({})
OPEN = load({"FEEDBACK_WEB_HOST": "0.0.0.0", "FEEDBACK_WEB_TOKEN": "t"})


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:6066", True),
        ("localhost:6066", True),
        ("LOCALHOST", True),
        ("[::1]:6066", True),
        ("evil.example:6066", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("[broken", False),
        ("", False),
    ],
)
def test_a_page_on_loopback_accepts_only_the_names_of_loopback(host: str, known: bool) -> None:
    assert known_host(host, LOCAL) is known
    assert known_host(host, OPEN)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Host": "localhost:6066", "Origin": "http://localhost:6066"}, True),
        ({"Host": "localhost:6066", "Origin": "http://localhost:7077"}, False),
        ({"Host": "localhost:6066", "Origin": "https://evil.example"}, False),
        ({"Host": "localhost:6066", "Origin": "null"}, False),
        ({"Host": "localhost:6066", "Origin": ""}, False),
        ({"Host": "localhost:6066", "Origin": "http://[broken"}, False),
        ({"Host": "localhost:6066", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Host": "localhost:6066", "Sec-Fetch-Site": "same-site"}, False),
        ({"Host": "localhost:6066", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Host": "localhost:6066"}, True),
    ],
)
def test_only_this_page_may_change_something(headers: dict[str, str], own: bool) -> None:
    assert own_origin(headers) is own


def test_a_session_is_valid_for_a_week_and_one_token() -> None:
    value = session("token", 1000.0)
    assert session_holds(value, "token", 1000.0)
    assert session_holds(value, "token", 999.0 + SESSION_S)
    assert not session_holds(value, "token", 1000.0 + SESSION_S)
    assert not session_holds(value, "another", 1000.0)
    assert "token" not in value


def test_a_session_cannot_be_extended() -> None:
    end, _, proof = session("token", 1000.0).partition(".")
    assert not session_holds(f"{int(end) + 1}.{proof}", "token", 1000.0)


# A header's bytes that are not UTF-8 arrive as lone surrogates.
@given(st.text(st.characters(exclude_categories=())))
@example("1.\udcff\udcfe")
@example("\ud800")
@example("\udc80.\ud800")
def test_no_other_value_is_a_session_or_the_token(value: str) -> None:
    assert not session_holds(value, "s3cret-token", 0.0)
    assert same(value, "s3cret-token") is (value == "s3cret-token")
