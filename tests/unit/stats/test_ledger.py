"""The ledger adds up to the same, whatever the order of the records and their repeats."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback_app.hop.accounts import Counters
from feedback_app.stats.ledger import Ledger, minute_number
from models import Account, WorkerStatus, rfc3339

NAMES = ("ingested", "scored", "duplicate", "label_negative")
COUNTS = st.dictionaries(
    st.sampled_from(("x", "slack")), st.dictionaries(st.sampled_from(NAMES), st.integers(-3, 50))
)


def account(
    minute: int,
    offset: int,
    counts: dict[str, dict[str, int]],
    ahead: dict[str, dict[str, int]] | None = None,
    stage: str = "sentiment",
    partition: int = 0,
) -> Account:
    return Account(
        stage=stage,
        partition=partition,
        minute=rfc3339(minute * 60),
        offset=offset,
        counts=counts,
        ahead=ahead,
    )


def status(worker: str, at: float, stopped: bool = False) -> WorkerStatus:
    return WorkerStatus(
        id=worker,
        at=rfc3339(at),
        started_at=rfc3339(0),
        partitions={},
        stages={},
        sources={},
        faults={},
        stopped=stopped,
    )


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    """A log of two stages and two partitions: offsets and minutes grow, none comes twice."""
    found = []
    for stage in ("sentiment", "delivery"):
        for partition in (0, 1):
            offset, minute = 0, 1000
            for _ in range(draw(st.integers(0, 6))):
                offset += draw(st.integers(1, 5))
                minute += draw(st.integers(0, 2))
                ahead = draw(st.none() | COUNTS)
                found.append(account(minute, offset, draw(COUNTS), ahead, stage, partition))
    return found


def sums(ledger: Ledger) -> object:
    return (
        [ledger.totals(stage) for stage in ("sentiment", "delivery")],
        [
            (at, {name: n for name, n in counts.items() if n})
            for stage in ("sentiment", "delivery")
            for at, counts in ledger.series(stage, 1020 * 60, 60)
        ],
    )


@given(accounts(), st.randoms(use_true_random=False))
def test_any_order_and_any_repeats_make_the_same_totals(
    log: list[Account], chance: random.Random
) -> None:
    straight, mixed = Ledger(), Ledger()
    for record in log:
        straight.apply(record)
    repeated = log + [record for record in log if chance.random() < 0.5]
    chance.shuffle(repeated)
    for record in repeated:
        mixed.apply(record)
    assert sums(mixed) == sums(straight)


@given(accounts())
def test_the_totals_are_the_last_record_of_each_minute_and_the_last_in_flight_counts(
    log: list[Account],
) -> None:
    ledger = Ledger()
    for record in log:
        ledger.apply(record)
    minutes = {record.key: record for record in log}
    newest = {(record.stage, record.partition): record for record in log}
    wanted = dict.fromkeys(NAMES, 0)
    for record in log:
        if record.stage != "sentiment":
            continue
        for counts in (
            record.counts if minutes[record.key] is record else {},
            (record.ahead or {}) if newest[record.stage, record.partition] is record else {},
        ):
            for names in counts.values():
                for name, n in names.items():
                    wanted[name] += n
    found = dict.fromkeys(NAMES, 0)
    for names in ledger.totals("sentiment").values():
        for name, n in names.items():
            found[name] += n
    assert found == wanted


def test_a_long_log_read_twice_counts_once_and_keeps_a_day_of_minutes() -> None:
    ledger = Ledger()
    log = [account(minute, minute, {"x": {"ingested": 2}}) for minute in range(1, 4001)]
    for record in log + log:
        ledger.apply(record)
    assert ledger.totals("sentiment") == {"x": {"ingested": 8000}}
    day = ledger.series("sentiment", 4000 * 60 + 30, 1440)
    assert [counts for _, counts in day] == [{"ingested": 2}] * 1440
    assert day[-1][0] == 4000 * 60
    assert len(ledger._series["sentiment"]) <= 1440 + 120 + 1
    assert len(ledger._partitions["sentiment", 0].minutes) <= 120


def test_a_lower_offset_of_the_same_minute_does_not_count() -> None:
    ledger = Ledger()
    ledger.apply(account(5, 20, {"x": {"ingested": 20}}))
    ledger.apply(account(5, 10, {"x": {"ingested": 10}}))
    assert ledger.totals("sentiment") == {"x": {"ingested": 20}}


def test_a_record_without_in_flight_counts_clears_the_previous_ones() -> None:
    ledger = Ledger()
    ledger.apply(account(5, 20, {}, {"#a": {"created": 1, "pending": 1}}, stage="delivery"))
    assert ledger.totals("delivery") == {"#a": {"created": 1, "pending": 1}}
    ledger.apply(account(5, 20, {"#a": {"created": 1, "delivered": 1}}, stage="delivery"))
    assert ledger.totals("delivery") == {"#a": {"created": 1, "delivered": 1}}


def test_filters_of_all_workers_add_up() -> None:
    ledger = Ledger()
    for worker in ("a", "b"):
        ledger.apply(account(5, 0, {"slack": {"filtered": 3}}, stage=f"filter:{worker}"))
    assert ledger.totals("filter:") == {"slack": {"filtered": 6}}


def test_arrivals_are_what_the_sentiment_stage_read_in_a_minute_over_all_partitions() -> None:
    ledger = Ledger()
    assert ledger.arrivals("x") is None
    ledger.apply(account(10, 1, {"x": {"ingested": 4, "scored": 4}}))
    ledger.apply(account(10, 1, {"x": {"ingested": 2}}, partition=1))
    ledger.apply(account(10, 0, {"x": {"ingested": 9}}, partition=1))
    ledger.apply(account(12, 1, {"x": {"sent": 5}}, stage="polls"))
    found = ledger.arrivals("x")
    assert found is not None
    assert (found.last, found.counts()[-1]) == (10, 6)


def test_workers_that_went_silent_are_lost_and_those_that_stopped_are_not() -> None:
    ledger = Ledger()
    ledger.apply(status("old", 84.9))
    ledger.apply(status("new", 85.0))
    ledger.apply(status("left", 80.0, stopped=True))
    assert [lost.id for lost in ledger.lost_workers(100.0)] == ["old"]


def test_minutes_without_records_are_zero_in_the_series() -> None:
    ledger = Ledger()
    ledger.apply(account(10, 1, {"x": {"ingested": 1}}))
    ledger.apply(account(12, 2, {"x": {"ingested": 4}}))
    assert ledger.series("sentiment", 12 * 60, 3) == [
        (600, {"ingested": 1}),
        (660, {}),
        (720, {"ingested": 4}),
    ]


def test_silent_and_stopped_workers_are_gone() -> None:
    ledger = Ledger()
    ledger.apply(status("old", 84.9))
    ledger.apply(status("new", 85.0))
    ledger.apply(status("left", 99.0, stopped=True))
    assert [live.id for live in ledger.workers(100.0)] == ["new"]


def test_an_older_status_of_a_worker_does_not_replace_a_newer_one() -> None:
    ledger = Ledger()
    ledger.apply(status("a", 99.0, stopped=True))
    ledger.apply(status("a", 98.0))
    assert ledger.workers(100.0) == []
    ledger.apply(status("a", 100.0))
    assert [live.at for live in ledger.workers(100.0)] == [rfc3339(100.0)]


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:02Z", "1970-01-01T00:02:59.000Z", "1970-01-01T00:02"]
)
def test_minutes_are_read_with_and_without_seconds_and_zone(text: str) -> None:
    assert minute_number(text) == 2


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["fails", "is not heard"]), st.integers(1, 5)),
        st.tuples(st.sampled_from(["moves", "moves in a new group"]), st.just(0)),
        st.tuples(st.just("moves to a clock behind"), st.integers(1, 4)),
        st.tuples(st.just("freezes"), st.integers(0, 5)),
        st.tuples(st.just("thaws"), st.integers(0, 3)),
        st.tuples(st.just("later"), st.sampled_from([20, 61, 200])),
    ),
    max_size=35,
)
"""Not long enough for a minute to close, which takes two hours."""


class Owners:
    """The successive owners of one partition, and the accounting records that they wrote.

    A frozen owner writes its pending record, and perhaps one more, before it notices its loss.
    A write that fails, or succeeds without an answer, is retried in parts of any size.
    """

    def __init__(self) -> None:
        self.now, self.generation = 1_800_000_000.0, 1
        self.log: list[Account] = []
        self.frozen: list[Counters] = []
        self.counters = self.owner()

    def owner(self, behind: float = 0.0) -> Counters:
        """Return the counters of a new owner, which continue from the log."""
        last = max(self.log, key=lambda one: one.rank, default=None)
        return Counters("s", 0, last, lambda: self.now - behind, self.generation)

    def step(self, what: str, n: int) -> None:
        if what == "work":
            self.counters = self.count(self.counters, n)
            self.write(self.counters)
        elif what == "fails":
            self.count(self.counters, n).output("stats")
        elif what == "is not heard":
            self.write(self.count(self.counters, n))
        elif what == "later":
            self.now += n
        elif what == "thaws" and self.frozen:
            late = self.frozen.pop(0)
            self.write(late)
            if n:
                self.write(self.count(late, n))
        elif what in ("moves", "freezes"):
            if what == "freezes":
                self.frozen.append(self.count(self.counters, n))
            self.generation += 1
            self.counters = self.owner()
        elif what == "moves in a new group":
            self.frozen.clear()  # a week ago
            self.generation = 1
            self.counters = self.owner()
        elif what == "moves to a clock behind":
            self.step("work", 1)  # so that there is a minute to be behind
            self.generation += 1
            self.counters = self.owner(behind=n * 3600.0)
            self.step("work", 1)

    def count(self, counters: Counters, n: int) -> Counters:
        draft = counters.next_record()
        for offset in range(counters.offset + 1, counters.offset + 1 + n):
            draft.add(offset, [("x", "ingested")])
        return draft

    def write(self, counters: Counters) -> None:
        self.log.append(Account.decode(counters.output("stats", {"x": {"pending": 1}}).value))


@example([("work", 1), ("freezes", 1), ("later", 61), ("thaws", 1)], random.Random(0))
@example([("work", 1), ("moves to a clock behind", 3), ("work", 1)], random.Random(0))
@example(
    [
        *[("moves", 0)] * 9,
        ("work", 1),
        ("moves in a new group", 0),
        ("freezes", 2),
        ("later", 61),
        ("work", 2),
        ("thaws", 0),
    ],
    random.Random(0),
)
@example([("work", 1), ("is not heard", 5), ("later", 61), ("work", 2)], random.Random(0))
@given(Steps, st.randoms(use_true_random=False))
def test_late_writes_of_previous_owners_are_ignored_in_any_order_and_after_compaction(
    steps: list[tuple[str, int]], chance: random.Random
) -> None:
    owners = Owners()
    for what, n in steps:
        owners.step(what, n)
    # The present owner reads a previous owner's late records again, and then reports them.
    # What was sent before is counted in full at last.
    furthest = max((record.offset for record in owners.log), default=-1)
    owners.step("work", max(1, furthest - owners.counters.offset))
    newest = {record.key: at for at, record in enumerate(owners.log)}
    compacted = [record for at, record in enumerate(owners.log) if newest[record.key] == at]
    partly = [
        record
        for at, record in enumerate(owners.log)
        if newest[record.key] == at or chance.random() < 0.5
    ]
    shuffled = chance.sample(owners.log, len(owners.log))
    for log in (owners.log, compacted, partly, shuffled):
        ledger = Ledger()
        for record in log:
            ledger.apply(record)
        counts = ledger.totals("s").get("x", {})
        assert counts == {"ingested": owners.counters.offset + 1, "pending": 1}


def written(counters: Counters, n: int) -> tuple[Counters, Account]:
    """Return counters that count n more records, and their accounting record."""
    draft = counters.next_record()
    draft.add(counters.offset + n, [("x", "ingested")] * n)
    return draft, Account.decode(draft.output("stats").value)


def test_many_owners_keep_only_open_minutes_and_the_oldest_owner_counts_nothing_late() -> None:
    ledger, now = Ledger(), [0.0]
    first, last = written(Counters("s", 0, None, lambda: now[0], 1), 1)
    ledger.apply(last)
    for generation in range(2, 500):
        now[0] += 300.0
        _, last = written(Counters("s", 0, last, lambda: now[0], generation), 1)
        ledger.apply(last)
    part = ledger._partitions["s", 0]
    assert len(part.previous) <= len(part.minutes) <= 25
    assert len(part.valid()) <= 25
    ledger.apply(written(first, 3)[1])
    assert ledger.totals("s") == {"x": {"ingested": 499}}


def test_a_previous_owner_whose_clock_is_ahead_closes_nothing() -> None:
    ledger = Ledger()
    ahead = Counters("s", 0, None, lambda: 10_000.0, 1)
    counters = Counters("s", 0, None, lambda: 60.0, 2)
    counters, record = written(counters, 10)
    ledger.apply(record)
    ledger.apply(written(ahead, 10)[1])
    ledger.apply(written(counters, 10)[1])
    assert ledger.totals("s") == {"x": {"ingested": 20}}


def test_a_record_of_an_older_build_counts_as_before() -> None:
    ledger = Ledger()
    old = account(1000, 9, {"x": {"ingested": 10}})
    ledger.apply(old)
    counters = Counters("sentiment", 0, old, lambda: 1000 * 60.0, 4).next_record()
    counters.add(10, [("x", "ingested")])
    ledger.apply(Account.decode(counters.output("stats").value))
    ledger.apply(account(1000, 12, {"x": {"ingested": 13}}))
    assert ledger.totals("sentiment") == {"x": {"ingested": 11}}
