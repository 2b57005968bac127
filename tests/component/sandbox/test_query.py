"""X's query language."""

import pytest

from feedback_app.sandbox import ManualClock, Sandbox
from feedback_app.sandbox.x.query import QueryError, compile_query

TEXT = "My Lumen kettle leaks! #fail @lumenkettle see https://example.com/leak 😡"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kettle", True),
        ("KETTLE leaks", True),
        ("kettles", False),
        ('"lumen kettle"', True),
        ('"kettle lumen"', False),
        ("kettle -leaks", False),
        ("toaster OR kettle", True),
        ("toaster OR kettle leaks", True),
        ("(toaster OR kettle) sings", False),
        ("#fail", True),
        ("#failure", False),
        ("@lumenkettle", True),
        ("😡", True),
        ("from:ana", True),
        ("from:@ANA", True),
        ("from:bo", False),
        ("to:lumenkettle", True),
        ("kettle lang:en", True),
        ("kettle lang:de", False),
        ("kettle -is:retweet", True),
        ("kettle is:reply", True),
        ("kettle has:links has:hashtags has:mentions", True),
        ("kettle -has:links", False),
        ("url:example.com", True),
        ('kettle -"lumen kettle"', False),
    ],
)
def test_query_matches(query: str, found: bool) -> None:
    box = Sandbox(clock=ManualClock(1_790_000_000.0))
    id = box.x.post(TEXT, author="ana", lang="en")
    post = box.x.get(int(id))
    assert post is not None
    assert compile_query(query)(post) is found


@pytest.mark.parametrize(
    "query",
    [
        "",
        "()",
        "(kettle",
        "kettle)",
        "kettle OR",
        "-(a b)",
        "lang:en",
        "-kettle",
        "near:Rome",
        '"x',
    ],
)
def test_invalid_queries_are_rejected(query: str) -> None:
    with pytest.raises(QueryError):
        compile_query(query)
