"""A record's class is the only list of its fields: a new optional field is one line there."""

from typing import Any

import orjson
import pytest

from models import Feedback, InvalidRecord, ScoredFeedback
from models.feedback import MAX_FIELD


class RatedFeedback(Feedback):
    """A feedback with fields of the future."""

    stars: int | None = None
    city: str | None = None
    reply: bool = False


class RatedScored(ScoredFeedback):
    """A scored feedback with a field of the future."""

    confidence: float | None = None


def test_a_new_field_of_feedback_is_read_written_and_has_its_default() -> None:
    old = Feedback.decode(b'{"text": "a", "lang": "en"}', b"k")
    read = RatedFeedback.decode(old.encode())
    assert (read.stars, read.city, read.reply) == (None, None, False)
    data = orjson.loads(old.encode()) | {"stars": 4, "city": "Ulm", "reply": True}
    read = RatedFeedback.decode(orjson.dumps(data))
    assert (read.stars, read.city, read.reply, read.lang) == (4, "Ulm", True, "en")
    assert orjson.loads(read.encode()) == data
    assert list(orjson.loads(read.encode())) == [
        *Feedback._options.fields,
        "stars",
        "city",
        "reply",
    ]
    # A worker of the former build ignores what it does not know.
    assert Feedback.decode(read.encode()).encode() == old.encode()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"stars": "4"}, "stars is not of its type: '4'"),
        ({"reply": None}, "reply is not of its type: None"),
        ({"city": 4}, "city is not a string"),
        ({"city": "c" * (MAX_FIELD + 1)}, "city is over 2048 characters"),
    ],
)
def test_a_new_field_of_feedback_is_checked_by_its_declared_type(
    more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRecord, match=reason):
        RatedFeedback.decode(orjson.dumps({"text": "a"} | more))


def test_a_new_field_of_a_scored_feedback_is_read_built_and_written() -> None:
    fields = RatedScored.defaults()
    fields["feedback"], fields["score"] = Feedback.decode(b'{"text": "a"}'), 0.5
    built = RatedScored.build(fields)
    assert (built.score, built.label, built.first, built.confidence) == (0.5, None, True, None)
    assert RatedScored.decode(built.encode()).encode() == built.encode()
    data = orjson.loads(built.encode()) | {"confidence": 0.25}
    assert RatedScored.decode(orjson.dumps(data)).confidence == 0.25
    with pytest.raises(InvalidRecord, match="confidence is not of its type"):
        RatedScored.decode(orjson.dumps(data | {"confidence": "high"}))


@pytest.mark.parametrize("kind", [Feedback, ScoredFeedback])
def test_built_records_share_no_fields(kind: type[Feedback] | type[ScoredFeedback]) -> None:
    one, other = kind.defaults(), kind.defaults()
    assert one == other
    assert list(one) == list(kind._options.fields)
    assert one is not other
    assert one["version"] == kind.VERSION
