"""Each record is counted once, with any replays and takeovers."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_app.hop.accounts import Counters, tally
from models import Account
from models.account import Counts


def test_a_name_with_a_minus_is_subtracted() -> None:
    counts: Counts = {}
    tally([("#a", "delivered"), ("#a", "-delivered"), ("#a", "retracted")], counts)
    assert counts == {"#a": {"delivered": 0, "retracted": 1}}


def test_counts_that_were_not_acknowledged_leave_the_counters_unchanged() -> None:
    counters = Counters("s", 0, None, lambda: 60.0)
    draft = counters.next_record()
    draft.add(0, [("x", "scored")])
    assert counters.offset == -1
    again = counters.next_record()
    again.add(0, [("x", "dead_lettered")])
    assert Account.decode(again.output("t").value).counts == {"x": {"dead_lettered": 1}}


def test_a_new_minute_starts_a_new_record_and_a_clock_set_back_does_not() -> None:
    now = [60.0]
    counters = Counters("s", 0, None, lambda: now[0]).next_record()
    counters.add(0, [("x", "n")])
    now[0] = 125.0
    later = counters.next_record()
    later.add(1, [("x", "n")])
    assert Account.decode(later.output("t").value).counts == {"x": {"n": 1}}
    now[0] = 60.0
    back = later.next_record()
    back.add(2, [("x", "n")])
    account = Account.decode(back.output("t").value)
    assert account.minute == "1970-01-01T00:02:00.000Z"
    assert account.counts == {"x": {"n": 2}}


def test_a_batch_retried_in_the_next_minute_stays_in_the_record_that_it_was_sent_in() -> None:
    now = [60.0]
    counters = Counters("s", 0, None, lambda: now[0]).next_record()
    counters.add(9, [("x", "n")] * 10)
    counters.output("t")
    now[0] = 120.0
    sent = counters.next_record()
    sent.add(19, [("x", "n")] * 10)
    written = [Account.decode(sent.output("t").value)]
    for until in (14, 19, 20):  # in parts
        now[0] += 60.0
        draft = counters.next_record()
        draft.add(until, [("x", "n")] * (until - counters.offset))
        written.append(Account.decode(draft.output("t").value))
        counters = draft
    minutes = ["1970-01-01T00:02:00.000Z"] * 3 + ["1970-01-01T00:05:00.000Z"]
    assert [one.minute for one in written] == minutes
    assert [one.first for one in written] == [10, 10, 10, 20]
    assert [one.counts["x"]["n"] for one in written] == [10, 5, 10, 1]


def test_an_owner_whose_clock_is_behind_starts_in_the_minute_of_the_previous_one() -> None:
    previous = Counters("s", 0, None, lambda: 10_000 * 60.0, 1).next_record()
    previous.add(0, [("x", "n")])
    last = Account.decode(previous.output("t").value)
    now = [60.0]
    counters = Counters("s", 0, last, lambda: now[0], 2).next_record()
    assert Account.decode(counters.output("t").value).minute == last.minute
    now[0] = 10_001 * 60.0
    assert Account.decode(counters.next_record().output("t").value).minute > last.minute


def test_owners_that_continue_from_one_record_have_epochs_that_grow_with_the_generation() -> None:
    def account(last: Account | None, generation: int) -> Account:
        counters = Counters("s", 0, last, lambda: 60.0, generation)
        return Account.decode(counters.next_record().output("t").value)

    last = account(None, 100)
    epochs = [account(last, generation).term for generation in (1, 2, 99, 100, 101, 102)]
    assert last.term < epochs[0]
    assert epochs == sorted(set(epochs))


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.lists(st.sampled_from([0.0, 30.0, 61.0, 200.0]), min_size=12, max_size=12),
)
def test_replays_and_takeovers_count_every_record_once(
    sizes: list[int], crashes: list[bool], pauses: list[float]
) -> None:
    """A crash after the account: the next owner reads again from before it and goes on."""
    now = [0.0]
    written: dict[bytes, Account] = {}
    newest: Account | None = None
    offset, committed = 0, 0
    counters = Counters("s", 3, None, lambda: now[0])
    for size, crash, pause in zip(sizes, crashes, pauses, strict=False):
        now[0] += pause
        draft = counters.next_record()
        for at in range(committed, offset + size):
            draft.add(at, [("x", "seen")])
        offset += size
        newest = Account.decode(draft.output("t").value)
        written[newest.key] = newest
        if crash:
            counters = Counters("s", 3, newest, lambda: now[0])
        else:
            counters, committed = draft, offset
    total = sum(account.counts.get("x", {}).get("seen", 0) for account in written.values())
    assert total == offset
    assert newest is not None
    assert newest.offset == offset - 1
