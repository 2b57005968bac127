"""The stages as the app gets them: topics, state and limits of each."""

import pytest

from feedback_app.hop.batch import BatchStage
from feedback_app.hop.record import RecordStage
from feedback_app.hop.stage import Stage
from feedback_app.load_settings import load
from feedback_app.runtime.app import create_app

ENVIRON = {
    "FEEDBACK_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "FEEDBACK_SLACK_BOT_TOKEN": "xoxb-token",
    "FEEDBACK_DEDUPE_HOURS": "48",
}


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return create_app(load(ENVIRON)).pipeline.registry.by_name


def test_there_are_four_in_the_order_of_the_flow(stages: dict[str, Stage]) -> None:
    assert {name: stage.spec.topic for name, stage in stages.items()} == {
        "polls": "feedback.polls",
        "sentiment": "feedback.raw",
        "alerts": "feedback.scored",
        "delivery": "feedback.alerts",
    }
    assert list(stages) == ["polls", "sentiment", "alerts", "delivery"]


def test_two_are_restored_from_topics(stages: dict[str, Stage]) -> None:
    states = {name: stage.spec.state for name, stage in stages.items()}
    assert {
        name: None if state is None else (state.topic, state.hours)
        for name, state in states.items()
    } == {
        "polls": None,
        "sentiment": ("feedback.scored", 48.0),
        "alerts": None,
        "delivery": ("feedback.deliveries", None),
    }


def test_the_limits_are_those_of_the_agents(stages: dict[str, Stage]) -> None:
    sentiment, delivery = stages["sentiment"], stages["delivery"]
    assert isinstance(sentiment, BatchStage)
    assert sentiment.max_batch == 512
    assert isinstance(delivery, RecordStage)
    assert delivery.capacity == 10_000
