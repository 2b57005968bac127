"""What every receiver must do, on each of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from feedback_app.alerting.outcome import Done, NotDone, Refused, Uncertain
from feedback_app.alerting.receivers.base import FindFailed, FoundMessage
from feedback_app.alerting.receivers.instances import Receivers
from feedback_app.alerting.receivers.registry import kind_of
from feedback_app.hop import TransientError
from feedback_app.settings import Settings
from models import Alert
from models.alert import alert_id
from tests.contract.receivers.places import START, MemoryPlace, Place, SlackPlace

HOSTILE = "<!channel> <@U1> *x* _y_ `z` & \x00\u202e https://evil.test|ok" + "😡" * 4000


def always() -> bool:
    return True


def alert(number: int = 1, text: str = "It broke", **fields: Any) -> Alert:
    return Alert(
        id=alert_id("negative", f"x:{number}"),
        op="put",
        rule="negative",
        channel="",
        feedback_id=f"x:{number}",
        text=text,
        score=0.1,
        label="negative",
        source="x",
        **fields,
    )


@pytest.fixture(params=[SlackPlace, MemoryPlace], ids=["slack", "memory"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    found: Place = request.param()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def channel(place: Place) -> str:
    return (await place.receiver.resolve([place.name])).ids[place.name]


async def test_the_table_finds_it_by_the_form_of_its_channels(place: Place, channel: str) -> None:
    for name in (place.name, place.missing, channel):
        assert [kind for kind in place.kinds if kind.channel_form.fullmatch(name)] == [place.kind]
        assert kind_of(name, place.kinds) is place.kind
    assert place.kind.form_in_words
    assert place.receiver.name == place.kind.name
    found = Receivers(Settings(), place.kinds).of(channel)
    assert type(found) is type(place.receiver)


async def test_a_channel_has_an_id_and_an_unknown_one_a_reason(place: Place, channel: str) -> None:
    receiver = place.receiver
    assert receiver.is_id(channel)
    assert not receiver.is_id(place.name)
    found = await receiver.resolve([place.name, place.missing, channel])
    assert found.ids == {place.name: channel, channel: channel}
    assert place.missing in found.unknown[place.missing]
    assert list(found.unknown) == [place.missing]
    invented = channel[:-1] + "999999"
    assert (await receiver.resolve([invented])).ids == {invented: invented}
    checked = await receiver.resolve([invented, channel, place.name], verify=True)
    assert checked.ids == {channel: channel, place.name: channel}
    assert list(checked.unknown) == [invented]
    assert await receiver.resolve([]) == await receiver.resolve([], verify=True)


async def test_a_post_is_found_changed_and_deleted(place: Place, channel: str) -> None:
    receiver, one = place.receiver, alert()
    posted = await receiver.post(channel, receiver.single(one), always)
    assert isinstance(posted, Done)
    assert await receiver.find(channel, START - 60) == [FoundMessage(posted.ts, one.id)]
    assert "It broke" in place.texts()[0]
    better = receiver.single(alert(text="It works", revision=1))
    assert await receiver.update(channel, posted.ts, better) == posted
    (text,) = place.texts()
    assert "It works" in text
    assert "It broke" not in text
    assert isinstance(
        await receiver.update(channel, posted.ts, receiver.withdrawal(alert(revision=2))), Done
    )
    assert await receiver.find(channel, START - 60) == [FoundMessage(posted.ts, one.id)]
    assert isinstance(await receiver.delete(channel, posted.ts), Done)
    assert place.texts() == []
    assert await receiver.find(channel, START - 60) == []


async def test_what_is_gone_is_refused_as_gone(place: Place, channel: str) -> None:
    receiver = place.receiver
    posted = await receiver.post(channel, receiver.single(alert()), always)
    assert isinstance(posted, Done)
    await receiver.delete(channel, posted.ts)
    changed = await receiver.update(channel, posted.ts, receiver.withdrawal(alert()))
    deleted = await receiver.delete(channel, posted.ts)
    for outcome in (changed, deleted):
        assert isinstance(outcome, Refused)
        assert outcome.gone
        assert not outcome.whole_channel


async def test_messages_are_found_oldest_first_from_a_time_on_and_by_purpose(
    place: Place, channel: str
) -> None:
    receiver, stamps = place.receiver, []
    for number in range(3):
        posted = await receiver.post(channel, receiver.single(alert(number)), always)
        assert isinstance(posted, Done)
        stamps.append(posted.ts)
        place.pass_time(10)
    noticed = await receiver.post(channel, receiver.notice("n" * 32, "x: silent"), always)
    assert isinstance(noticed, Done)
    assert [one.ts for one in await receiver.find(channel, START - 1)] == stamps
    assert [one.ts for one in await receiver.find(channel, START + 5)] == stamps[1:]
    assert await receiver.find(channel, START - 1, "notice") == [FoundMessage(noticed.ts, "n" * 32)]


async def test_the_guard_is_asked_once_more_and_withholds_the_post(
    place: Place, channel: str
) -> None:
    receiver, asked = place.receiver, []

    def refuse() -> bool:
        asked.append(True)
        return False

    for _ in range(2):  # on a new connection, and on one that stands already
        assert isinstance(await receiver.post(channel, receiver.single(alert()), refuse), NotDone)
        assert place.texts() == []
    assert len(asked) == 2
    # The guard is that of one post only.
    assert isinstance(await receiver.post(channel, receiver.single(alert()), always), Done)


async def test_a_channel_that_takes_nothing_has_an_id_and_refuses(
    place: Place, channel: str
) -> None:
    receiver = place.receiver
    place.refuse()
    assert (await receiver.resolve([place.name])).ids == {place.name: channel}
    outcome = await receiver.post(channel, receiver.single(alert()), always)
    assert isinstance(outcome, Refused)
    assert outcome.whole_channel
    assert not outcome.gone


async def test_a_channel_that_does_not_exist_refuses_for_good(place: Place, channel: str) -> None:
    receiver, invented = place.receiver, channel[:-1] + "999999"
    outcome = await receiver.post(invented, receiver.single(alert()), always)
    assert isinstance(outcome, Refused)
    assert outcome.whole_channel
    with pytest.raises(FindFailed) as raised:
        await receiver.find(invented, START)
    assert isinstance(raised.value.outcome, Refused)


async def test_a_limit_says_how_long_to_wait_and_nothing_is_posted(
    place: Place, channel: str
) -> None:
    place.limit(7)
    outcome = await place.receiver.post(channel, place.receiver.single(alert()), always)
    assert isinstance(outcome, NotDone)
    assert outcome.retry_after == 7
    assert place.texts() == []


async def test_a_lost_answer_is_uncertain_and_the_message_can_be_found(
    place: Place, channel: str
) -> None:
    receiver, one = place.receiver, alert()
    place.lose_answers()
    assert isinstance(await receiver.post(channel, receiver.single(one), always), Uncertain)
    assert [found.lookup for found in await receiver.find(channel, START - 60)] == [one.id]
    assert len(place.texts()) == 1


async def test_where_nothing_answers_certainly_nothing_happened(place: Place, channel: str) -> None:
    receiver = place.receiver
    await place.stop()
    message = receiver.single(alert())
    for outcome in (
        await receiver.post(channel, message, always),
        await receiver.update(channel, "1.000001", message),
        await receiver.delete(channel, "1.000001"),
    ):
        assert isinstance(outcome, NotDone)
    with pytest.raises(FindFailed) as raised:
        await receiver.find(channel, START)
    assert isinstance(raised.value.outcome, NotDone)
    with pytest.raises(TransientError) as failed:
        await receiver.resolve([place.name])
    assert failed.value.dependency == receiver.name


async def test_the_largest_and_the_worst_texts_are_accepted(place: Place, channel: str) -> None:
    receiver = place.receiver
    for text in (HOSTILE, "", "word " * 1000, "<" * 5000):
        one = alert(text=text)
        lines = [
            (f"{number:032x}", receiver.withdrawn_line(one) if number % 3 else receiver.line(one))
            for number in range(receiver.max_digest)
        ]
        for message in (
            receiver.single(one),
            receiver.withdrawal(one),
            receiver.digest("d" * 32, 1, lines),
            receiver.notice("n" * 32, text or "empty"),
        ):
            assert isinstance(await receiver.post(channel, message, always), Done)


async def test_a_digest_shows_its_lines_and_a_withdrawn_one_shows_no_text(
    place: Place, channel: str
) -> None:
    receiver = place.receiver
    members = [(alert(n).id, receiver.line(alert(n, f"number {n}"))) for n in range(3)]
    members[1] = (members[1][0], receiver.withdrawn_line(alert(1, "number 1")))
    posted = await receiver.post(channel, receiver.digest("d" * 32, 1, members), always)
    assert isinstance(posted, Done)
    (text,) = place.texts()
    assert "number 0" in text
    assert "number 2" in text
    assert "number 1" not in text
    assert "\n" not in members[0][1]
    assert await receiver.find(channel, START - 60) == [FoundMessage(posted.ts, "d" * 32)]
    await receiver.update(channel, posted.ts, receiver.withdrawal(alert(0, "number 0")))
    assert "number" not in place.texts()[0]


async def test_closed_it_opens_again(place: Place, channel: str) -> None:
    receiver = place.receiver
    for _ in range(2):
        await receiver.close()
        assert isinstance(await receiver.post(channel, receiver.single(alert()), always), Done)
    await receiver.close()
