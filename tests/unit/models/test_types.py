"""Fields of the wrong type are malformed data, and never a bug of their reader."""

from typing import Any

import orjson
import pytest

from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.dedupe_store import DedupeStore
from feedback_app.hop import Row
from models import Action, Alert, Cursor, Delivery, Feedback, InvalidRecord, ScoredFeedback, Wire
from models.delivery import POSTED
from tests.support.clocks import HandClock

ALERT = {"id": "a", "op": "put", "rule": "r", "channel": "C", "feedback_id": "x:1"}
DELIVERY = {"id": "a", "status": POSTED, "channel": "C"}
SCORED = {"feedback": {"id": "x:1", "text": "words"}, "score": 0.5}

WRONG: list[tuple[type[Wire], dict[str, Any], str]] = [
    (Alert, ALERT | {"id": ["a"]}, "id"),
    (Alert, ALERT | {"revision": "3"}, "revision"),
    (Alert, ALERT | {"text": {"a": 1}}, "text"),
    (Alert, ALERT | {"probabilities": [0.5]}, "probabilities"),
    (Delivery, DELIVERY | {"id": {"a": 1}}, "id"),
    (Delivery, DELIVERY | {"revision": None}, "revision"),
    (Delivery, DELIVERY | {"moves": "none"}, "moves"),
    (Cursor, {"source": "x", "position": 7}, "position"),
    (Action, {"type": "pause", "target": ["x"]}, "target"),
    (ScoredFeedback, SCORED | {"offset": [1]}, "offset"),
    (ScoredFeedback, SCORED | {"partition": "0"}, "partition"),
    (ScoredFeedback, SCORED | {"label": ["negative"]}, "label"),
    (ScoredFeedback, SCORED | {"probabilities": [0.5]}, "probabilities"),
    (Feedback, {"text": "words", "revision": 2**62 + 1}, "revision"),
    (Feedback, {"text": "words", "revision": -(2**62) - 1}, "revision"),
]


@pytest.mark.parametrize(("kind", "data", "name"), WRONG)
def test_a_field_of_the_wrong_type_is_named_in_the_reason(
    kind: type[Wire], data: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidRecord, match=name):
        kind.decode(orjson.dumps(data))


def test_numbers_without_a_point_are_scores_too() -> None:
    assert Alert.decode(orjson.dumps(ALERT | {"score": 1})).score == 1
    assert ScoredFeedback.decode(orjson.dumps(SCORED | {"score": 0})).score == 0


@pytest.mark.parametrize(("kind", "data", "name"), WRONG)
def test_a_state_is_restored_past_malformed_records(
    kind: type[Wire], data: dict[str, Any], name: str
) -> None:
    row = Row(0, 0, b"k", orjson.dumps(data), 1_800_000_000.0)
    deliveries, ids = DeliveryState(0), DedupeStore(24, HandClock())
    deliveries.restore(row)
    ids.restore(row)
    assert "a" not in deliveries
    assert ids.known(["x:1"]) == {}
