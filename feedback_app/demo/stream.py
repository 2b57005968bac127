"""What a demo plays: the bundled feedback at a human pace, or the lines of a file."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import orjson

from feedback_app.demo.plan import LISTENED, Plan
from feedback_app.sandbox import Sandbox
from feedback_app.settings import ConfigurationError

FILE_RATE = 100.0
"""Messages a second from a file, unless told otherwise."""


class Lines:
    """Texts of a file, one after the other, at a rate, into X, Slack or both in turn."""

    def __init__(
        self, sandbox: Sandbox, texts: Sequence[str], platforms: Sequence[str], rate: float
    ) -> None:
        self.played = 0
        self.total = len(texts)
        self._sandbox, self._texts, self._rate = sandbox, texts, rate
        self._platforms = platforms

    async def play(self) -> None:
        """Put in every text, as people who no bot's limit holds back."""
        start = time.monotonic()
        channels = cycle(LISTENED)
        for text, platform in zip(self._texts, cycle(self._platforms), strict=False):
            await asyncio.sleep(max(0.0, start + self.played / self._rate - time.monotonic()))
            if platform == "x":
                self._sandbox.x.post(text, lang="en")
            else:
                self._sandbox.slack.say(next(channels), text)
            self.played += 1


Stream = Lines


def stream_of(plan: Plan, sandbox: Sandbox) -> Stream:
    """Return what the plan plays."""
    platforms = ("x", "slack") if plan.via == "mixed" else (plan.via,)
    if plan.input is None:
        raise ConfigurationError("no bundled stream yet: use --input")
    return Lines(sandbox, read_texts(plan.input), platforms, plan.rate or FILE_RATE)


def read_texts(path: Path) -> list[str]:
    """Return the texts of `{"text": …}` lines; raises ConfigurationError for any other line."""
    texts = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            text = orjson.loads(line)["text"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            text = None
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f'{path}: line {number} is not {{"text": "…"}}')
        texts.append(text)
    if not texts:
        raise ConfigurationError(f"{path} has no lines")
    return texts
