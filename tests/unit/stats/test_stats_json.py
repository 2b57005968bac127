"""`/stats` is exactly the JSON of the contract, and says when it does not balance."""

from feedback_app.load_settings import load
from feedback_app.stats.ledger import Ledger
from feedback_app.stats.stats_json import balanced, stats
from models import Account, WorkerStatus, rfc3339
from tests.web_view import CHANNELS, ENVIRON, NOW, busy_view

SOURCE = {
    "state",
    "last_message_at",
    "filtered",
    "ingested",
    "duplicate",
    "scored",
    "unscored",
    "deleted",
    "dead_lettered",
}
CHANNEL = {"created", "delivered", "retracted", "pending", "dead_lettered", "duplicates_repaired"}


def test_the_keys_are_those_of_the_contract() -> None:
    view = busy_view()
    found = stats(view.ledger, view.settings, NOW)
    assert set(found) == {"as_of", "workers", "sources", "stages", "alerts", "balanced"}
    assert found["as_of"] == rfc3339(NOW)
    assert [set(worker) for worker in found["workers"]] == [{"id", "partitions"}] * 2
    assert set(found["sources"]) == {"x", "slack"}
    assert all(set(source) == SOURCE for source in found["sources"].values())
    assert list(found["stages"]) == ["polls", "sentiment", "alerts", "delivery"]
    for stage in found["stages"].values():
        assert set(stage) == {"lag", "per_second", "dead_lettered", "waiting_for"}
    assert set(found["alerts"]) == set(CHANNELS)
    assert all(set(channel) == CHANNEL for channel in found["alerts"].values())
    assert found["balanced"] is True


def test_figures_come_from_accounts_and_the_words_of_live_workers() -> None:
    view = busy_view()
    found = stats(view.ledger, view.settings, NOW)
    assert found["stages"]["sentiment"] == {
        "lag": 3,
        "per_second": 9.2,
        "dead_lettered": 0,
        "waiting_for": None,
    }
    assert found["stages"]["delivery"]["dead_lettered"] == 1
    assert found["sources"]["slack"]["filtered"] == 318
    assert found["sources"]["slack"]["state"] == "running"
    assert found["sources"]["x"]["last_message_at"] == rfc3339(NOW - 4)
    assert found["alerts"]["#positive-feedback"]["pending"] == 1
    assert found["alerts"]["#positive-feedback"]["created"] == 3381


def test_without_a_record_everything_configured_is_there_with_zeros() -> None:
    found = stats(Ledger(), load(ENVIRON), NOW)
    assert set(found["sources"]) == {"x", "slack"}
    assert found["sources"]["x"]["state"] == "unknown"
    assert found["sources"]["x"]["last_message_at"] is None
    assert set(found["alerts"]) == set(CHANNELS)
    assert found["workers"] == []
    assert found["balanced"] is True


def test_a_source_that_only_the_accounts_know_is_shown() -> None:
    ledger = Ledger()
    ledger.apply(account("sentiment", {"webhook": {"ingested": 1, "scored": 1}}))
    assert stats(ledger, load({}), NOW)["sources"]["webhook"]["ingested"] == 1


def test_waits_of_several_workers_are_named_once() -> None:
    ledger = Ledger()
    for name, wait in (("a", "slack"), ("b", "slack"), ("c", "kafka"), ("d", None)):
        ledger.apply(worker(name, wait))
    stage = stats(ledger, load({}), NOW)["stages"]["delivery"]
    assert stage["waiting_for"] == "kafka; slack"
    assert stage["lag"] == 8


def test_one_record_unaccounted_for_is_seen_on_either_side() -> None:
    whole = {"ingested": 6, "duplicate": 1, "scored": 1, "unscored": 1, "deleted": 1}
    for dead, even in ((2, True), (1, False)):
        assert balanced({"x": whole | {"dead_lettered": dead}}, {}) is even
    channel = {"created": 4, "delivered": 1, "retracted": 1, "dead_lettered": 1}
    for pending, even in ((1, True), (2, False)):
        assert balanced({}, {"#a": channel | {"pending": pending}}) is even


def test_an_imbalance_of_one_source_is_not_made_up_for_by_another() -> None:
    ledger = Ledger()
    ledger.apply(account("sentiment", {"a": {"ingested": 1}, "b": {"scored": 1}}))
    assert stats(ledger, load({}), NOW)["balanced"] is False


def account(stage: str, counts: dict[str, dict[str, int]]) -> Account:
    return Account(stage=stage, partition=0, minute=rfc3339(NOW), offset=1, counts=counts)


def worker(name: str, wait: str | None) -> WorkerStatus:
    return WorkerStatus(
        id=name,
        at=rfc3339(NOW),
        started_at=rfc3339(NOW),
        partitions={},
        stages={"delivery": {"lag": 2, "per_second": 0.0, "waiting_for": wait}},
        sources={},
        faults={},
    )


def test_a_source_that_runs_and_brings_nothing_is_shown_as_silent() -> None:
    ledger, settings = Ledger(), load(ENVIRON)
    counts = {"x": {"ingested": 9, "scored": 9}}
    ledger.apply(
        Account(stage="sentiment", partition=0, minute=rfc3339(NOW), offset=8, counts=counts)
    )
    for waited, state in ((600, "running"), (660, "silent")):
        ledger.apply(
            WorkerStatus(
                id="w1",
                at=rfc3339(NOW + waited),
                started_at=rfc3339(NOW - 60),
                partitions={},
                stages={},
                sources={"x": {"state": "running"}, "slack": {"state": "failing"}},
                faults={},
            )
        )
        found = stats(ledger, settings, NOW + waited)
        assert found["sources"]["x"]["state"] == state
        assert found["sources"]["slack"]["state"] == "failing"
