"""Every failure of X has a name, a state and a time to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_app.sources.x.client import fault

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("status", "reset", "state", "wait"),
    [
        (429, str(int(NOW) + 300), "rate_limited", 301),
        (429, str(int(NOW) - 300), "rate_limited", 1),
        (429, str(int(NOW) + 9_999_999), "rate_limited", 960),
        (429, None, "rate_limited", 60),
        (429, "soon", "rate_limited", 60),
        (401, None, "unauthorised", 60),
        (403, None, "unauthorised", 60),
        (400, None, "failing", 60),
        (500, None, "failing", None),
        (503, None, "failing", None),
        (404, None, "failing", None),
    ],
)
def test_by_status(status: int, reset: str | None, state: str, wait: float | None) -> None:
    found = fault(status, reset, b"<html>no json</html>", NOW)
    assert (found.dependency, found.state, found.retry_after) == ("x", state, wait)


def test_x_is_quoted() -> None:
    body = b'{"title":"Client Forbidden","detail":"attach it to a project"}'
    assert "attach it to a project" in str(fault(403, None, body, NOW))
    body = b'{"errors":[{"message":"since_id is too old"}],"detail":"invalid"}'
    assert "since_id is too old" in str(fault(400, None, body, NOW))


@given(st.integers(300, 599), st.none() | st.text(), st.binary())
def test_any_answer_has_a_fault(status: int, reset: str | None, body: bytes) -> None:
    assert fault(status, reset, body, NOW).dependency == "x"
