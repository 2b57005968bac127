"""The outbox's behaviour is the same whatever the receiver: its tests run on two."""

import pytest

from tests.unit.alerting.world import Fake, FakeSlack, NewReceiver


@pytest.fixture(params=[FakeSlack, Fake], ids=["slack", "memory"])
def receiver(request: pytest.FixtureRequest) -> NewReceiver:
    """Return what makes a receiver in memory: one with Slack's rendering, and one without."""
    found: NewReceiver = request.param
    return found
