"""Plays feedback into the sandbox as its users: into X, Slack, or both."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feedback_app.sandbox.world import World

Via = Literal["x", "slack"]
DEMO = Path(__file__).with_name("feedback.jsonl")
"""The messages about an invented product that the demo plays."""
AUTHORS = ("mira.sato", "jonas.weber", "adaeze.obi", "lucia.romero", "tom.hale", "priya.nair")
FASTEST_SLACK = 100.0
"""Messages per second posted into Slack if no rate is set."""


class Item(BaseModel):
    """One line of an input: a message, with an optional later edit and deletion."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(min_length=1)
    author: str | None = None
    via: Via | None = None
    lang: str = "und"
    channel: str | None = None
    """The Slack channel; default: the player's channels in turn."""
    edit: str | None = None
    """The text after the edit."""
    delete: bool = False
    """Whether it is deleted afterwards."""
    after: float = Field(default=4.0, ge=0)
    """Seconds until the edit, and again until the deletion."""


def load(path: Path) -> list[Item]:
    """Return the items of a JSON-lines file; raises ValueError that names the invalid line."""
    return parse(path.read_bytes().splitlines(), path.name)


def parse(lines: Iterable[bytes], name: str) -> list[Item]:
    """Parse JSON lines; blank ones are skipped. Raises ValueError that names the invalid line."""
    items = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                items.append(Item.model_validate(orjson.loads(line)))
            except (orjson.JSONDecodeError, ValidationError) as error:
                reason = str(error).replace("\n", " ")
                raise ValueError(f"{name}, line {number}: {reason}") from None
    return items


@dataclass
class Progress:
    """The progress of a player, in items."""

    total: int
    put: int = 0
    done: bool = False


@dataclass(order=True)
class _ScheduledChange:
    at: float
    order: int
    run: Callable[[], object] = field(compare=False)


class Player:
    """Plays items in order; `run` returns when all items, edits and deletions are done."""

    def __init__(
        self,
        sandbox: World,
        items: Sequence[Item],
        *,
        via: Literal["x", "slack", "mixed"] = "mixed",
        rate: float | None = None,
        channels: Sequence[str] = ("#feedback", "#product"),
    ) -> None:
        """`rate` is in items per second; None means as fast as possible.

        With `mixed` an item goes to its own `via`; items without one alternate.
        """
        self.progress = Progress(len(items))
        self._sandbox = sandbox
        self._items = items
        self._via = via
        self._rate = rate
        self._channels = channels
        self._changes: list[_ScheduledChange] = []
        self._scheduled = 0

    async def run(self) -> None:
        """Play all items."""
        clock = self._sandbox.clock
        started = clock.now()
        for number, item in enumerate(self._items):
            via = self._platform(number, item)
            if self._rate is not None:
                await self._wait_until(started + number / self._rate)
            else:
                # Yield so that the sandbox can answer its clients.
                await clock.sleep(1 / FASTEST_SLACK if via == "slack" else 0)
            self._put(number, item, via)
            self.progress.put += 1
        while self._changes:
            await self._wait_until(self._changes[0].at)
        self.progress.done = True

    async def _wait_until(self, time: float) -> None:
        """Sleep until `time` and make the changes that become due meanwhile."""
        clock = self._sandbox.clock
        while self._changes and self._changes[0].at <= time:
            change = heapq.heappop(self._changes)
            await clock.sleep(change.at - clock.now())
            change.run()
        await clock.sleep(time - clock.now())

    def _platform(self, number: int, item: Item) -> Via:
        if self._via != "mixed":
            return self._via
        turns: tuple[Via, Via] = ("x", "slack")
        return item.via or turns[number % 2]

    def _put(self, number: int, item: Item, via: Via) -> None:
        author = item.author or AUTHORS[number % len(AUTHORS)]
        if via == "x":
            self._put_x(item, author)
        else:
            self._put_slack(item, author, self._channels[number // 2 % len(self._channels)])

    def _put_x(self, item: Item, author: str) -> None:
        x = self._sandbox.x
        id = x.post(item.text, author=author, lang=item.lang)
        edit = item.edit
        if edit is not None:
            self._schedule(item.after, lambda: x.edit(id, edit))
        if item.delete:
            self._schedule(2 * item.after, lambda: x.delete(id))

    def _put_slack(self, item: Item, author: str, channel: str) -> None:
        slack, channel = self._sandbox.slack, item.channel or channel
        ts = slack.say(channel, item.text, user=author)
        edit = item.edit
        if edit is not None:
            self._schedule(item.after, lambda: slack.edit(channel, ts, edit))
        if item.delete:
            self._schedule(2 * item.after, lambda: slack.delete(channel, ts))

    def _schedule(self, seconds: float, run: Callable[[], object]) -> None:
        self._scheduled += 1
        at = self._sandbox.clock.now() + seconds
        heapq.heappush(self._changes, _ScheduledChange(at, self._scheduled, run))
