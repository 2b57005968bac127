"""The messages of a run; each text names its item and its version."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from feedback_app.sandbox import Sandbox

WORDS = (
    "kettle",
    "lid",
    "spout",
    "handle",
    "steam",
    "timer",
    "filter",
    "base",
    "cable",
    "light",
    "quick",
    "slow",
    "loud",
    "quiet",
    "warm",
    "cold",
    "great",
    "poor",
    "fine",
    "odd",
    "broken",
    "steady",
    "bright",
    "dull",
    "box",
    "order",
    "parcel",
    "shop",
    "price",
    "refund",
    "thanks",
)
LISTENED = ("#feedback", "#product")
EDITED, DELETED = 0.06, 0.03
"""Shares of the items."""


@dataclass(frozen=True)
class Act:
    """One action of a person: creates, edits or deletes `item`."""

    kind: Literal["create", "edit", "delete"]
    via: Literal["x", "slack"]
    item: int
    text: str = ""


def acts(count: int, seed: int) -> Iterator[Act]:
    """Yield the actions on `count` items; an edit or deletion follows some items later; pure."""
    random = Random(f"load {seed}")
    later: list[tuple[int, Act]] = []
    for item in range(count):
        while later and later[0][0] <= item:
            yield later.pop(0)[1]
        via: Literal["x", "slack"] = random.choice(("x", "slack"))
        yield Act("create", via, item, text(random, item, 1))
        chance = random.random()
        due = item + random.randint(5, 60)
        if chance < EDITED:
            later.append((due, Act("edit", via, item, text(random, item, 2))))
        elif chance < EDITED + DELETED:
            later.append((due, Act("delete", via, item)))
        later.sort(key=lambda each: each[0])
    yield from (act for _, act in later)


def text(random: Random, item: int, version: int) -> str:
    """Return the text of a version of an item, unique to it."""
    words = " ".join(random.choices(WORDS, k=random.randint(3, 12)))
    return f"item {item} version {version} {words}"


class People:
    """Carries out acts in the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._ids: dict[int, tuple[str, str]] = {}

    def do(self, act: Act) -> None:
        """Carry out one act."""
        x, slack = self._sandbox.x, self._sandbox.slack
        if act.kind == "create":
            channel = LISTENED[act.item % len(LISTENED)]
            made = x.post(act.text) if act.via == "x" else slack.say(channel, act.text)
            self._ids[act.item] = (channel, made)
            return
        channel, made = self._ids[act.item]
        if act.kind == "delete" and act.via == "x":
            x.delete(made)
        elif act.kind == "delete":
            slack.delete(channel, made)
        elif act.via == "x":
            x.edit(made, act.text)
        else:
            slack.edit(channel, made, act.text)
