"""Playing feedback, and the log of it."""

import asyncio
from pathlib import Path

import pytest

from feedback_app.sandbox import ManualClock, Sandbox, read_log
from feedback_app.sandbox.log import Put
from feedback_app.sandbox.player import DEMO, Item, Player, load, parse

from .conftest import START


def items(count: int) -> list[Item]:
    return [Item(text=f"item {number}") for number in range(count)]


async def play(sandbox: Sandbox, clock: ManualClock, player: Player) -> None:
    """Run a player to its end, advancing the clock whenever it sleeps."""
    task = asyncio.create_task(player.run())
    while not task.done():
        await asyncio.sleep(0)
        if clock.next_in is not None:
            clock.advance(clock.next_in)
    await task


@pytest.fixture
def world(clock: ManualClock) -> Sandbox:
    """Return a sandbox that does not listen."""
    return Sandbox(clock=clock)


async def test_mixed_items_alternate(world: Sandbox, clock: ManualClock) -> None:
    player = Player(world, items(8), via="mixed")
    await play(world, clock, player)
    assert [post.text for post in world.x.timeline()][::-1] == [
        f"item {number}" for number in (0, 2, 4, 6)
    ]
    spoken = {
        name: [message.text for message in world.slack.channel(name).messages]
        for name in ("#feedback", "#product")
    }
    assert spoken == {"#feedback": ["item 1", "item 5"], "#product": ["item 3", "item 7"]}
    assert (player.progress.put, player.progress.done) == (8, True)


async def test_an_item_goes_to_its_own_platform(world: Sandbox, clock: ManualClock) -> None:
    said = [Item(text="a", via="slack", channel="#product"), Item(text="b", via="slack")]
    await play(world, clock, Player(world, said, via="mixed"))
    assert list(world.x.timeline()) == []
    await play(world, clock, Player(world, said, via="x"))
    assert len(list(world.x.timeline())) == 2


async def test_the_rate_is_kept(world: Sandbox, clock: ManualClock) -> None:
    await play(world, clock, Player(world, items(11), via="x", rate=2.0))
    times = [post.created_at - START for post in world.x.timeline()][::-1]
    assert times == pytest.approx([number / 2 for number in range(11)])


@pytest.mark.parametrize("via", ["x", "slack"])
async def test_items_are_edited_and_deleted_later(
    world: Sandbox, clock: ManualClock, via: str
) -> None:
    item = Item.model_validate({"text": "one", "edit": "two", "delete": True, "via": via})
    await play(world, clock, Player(world, [item, Item(text="stays", via="x")]))
    puts = [entry for entry in world.log.entries if isinstance(entry, Put)]
    mine = [put for put in puts if put.id == puts[0].id]
    assert [(put.kind, put.text) for put in mine] == [
        ("create", "one"),
        ("edit", "two"),
        ("delete", "two"),
    ]
    assert [put.at - mine[0].at for put in mine] == pytest.approx([0, 4, 8])
    assert len({put.revision for put in mine}) >= 2


async def test_the_log_on_disk_has_every_item(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "logs" / "sandbox.jsonl"
    world = Sandbox(clock=clock, log_path=path)
    await play(world, clock, Player(world, items(20)))
    before_the_end = list(read_log(path))
    await world.stop()
    assert before_the_end == list(read_log(path))
    assert [entry.text for entry in before_the_end if isinstance(entry, Put)] == [
        f"item {number}" for number in range(20)
    ]


def test_an_invalid_line_is_named() -> None:
    with pytest.raises(ValueError, match=r"some\.jsonl, line 3"):
        parse([b'{"text": "fine"}', b"", b'{"txt": "wrong"}'], "some.jsonl")
    with pytest.raises(ValueError, match="line 1"):
        parse([b"not json"], "some.jsonl")


def test_the_bundled_feedback_is_varied() -> None:
    said = load(DEMO)
    assert len(said) >= 240
    assert len({item.text for item in said}) == len(said)
    assert {item.via for item in said} == {"x", "slack"}
    assert sum(item.edit is not None for item in said) >= 5
    assert sum(item.delete for item in said) >= 3
    assert max(len(item.text) for item in said if item.via == "x") <= 280
