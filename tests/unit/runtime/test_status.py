"""The status of a worker."""

from types import SimpleNamespace
from typing import Any

from faust.types.tuples import TP

from feedback_app.hop.accounts import Counters
from feedback_app.runtime.status import lag
from models import Account

TOPIC = TP("feedback.alerts", 0)


def behind(last: Account | None, begun: dict[TP, int], end: int) -> int:
    """Return the lag of a partition: its account, the commits found at the start, and its end."""
    counters = Counters("delivery", 0, last, lambda: 1_800_000_000.0)
    consumer: Any = SimpleNamespace(highwater=lambda tp: end, begun=begun)
    part = SimpleNamespace(counters=counters, tp=TOPIC)
    stage: Any = SimpleNamespace(partitions={0: part}, plan=SimpleNamespace(topic=TOPIC.topic))
    return lag(stage, 0, consumer)


def account(offset: int) -> Account:
    """Return an account up to an offset."""
    minute = "2027-01-15T08:00:00.000Z"
    return Account(stage="delivery", partition=0, minute=minute, offset=offset, counts={})


def test_what_is_counted_is_no_lag() -> None:
    assert behind(account(9), {TOPIC: 7}, 10) == 0
    assert behind(account(9), {}, 15) == 5


def test_what_was_committed_is_no_lag_where_its_account_has_expired() -> None:
    assert behind(None, {TOPIC: 500}, 500) == 0
    assert behind(None, {TOPIC: 500}, 503) == 3
    assert behind(None, {}, 3) == 3
