"""`feedback say`: posts sample feedback into Slack for a source to read."""

import asyncio
from pathlib import Path

import click
import orjson

from feedback_app.cli.common import CheckFailed, Command, progress, run
from feedback_app.clock import Clock, SystemClock
from feedback_app.load_settings import load
from feedback_app.settings import ConfigurationError, Settings
from feedback_app.slack.client import ask, bot_client
from feedback_app.slack.errors import Failure, SlackError
from feedback_app.slack.metadata import SAY

EXAMPLE = (
    "\b\nExample:\n"
    '  feedback say "#feedback" "The new export is a joy."\n'
    '  feedback say "#feedback" --file samples.txt --rate 0.5'
)


class SayRefused(Exception):
    """Slack did not accept a post; the message says what to do."""


@click.command(cls=Command, epilog=EXAMPLE)
@click.argument("channel")
@click.argument("text", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='One message a line: plain text, or JSON with a "text".',
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Messages a second, with --file.",
)
def say(channel: str, text: str | None, file: Path | None, rate: float) -> None:
    """Post one message, or a file of them, into a Slack CHANNEL as a source of feedback.

    The messages are marked, so that a worker reads them although a bot posted them.
    """
    if (text is None) == (file is None):
        raise click.UsageError("give either a text or --file")
    texts = [text] if text is not None else read_texts(file) if file is not None else []
    settings = load()
    run(post_all(settings, channel, texts, rate, SystemClock()))


def read_texts(file: Path) -> list[str]:
    """Return the messages of a file; raises ConfigurationError for a line that is none."""
    texts = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            text = line.decode()
            if line.lstrip().startswith(b"{"):
                text = orjson.loads(line)["text"]
        except (UnicodeDecodeError, orjson.JSONDecodeError, KeyError) as error:
            raise ConfigurationError(
                f"{file}: line {number} has no text: {type(error).__name__}: {error}"
            ) from None
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"{file}: line {number}: text is not a text")
        texts.append(text)
    if not texts:
        raise ConfigurationError(f"{file} is empty")
    return texts


async def post_all(
    settings: Settings, channel: str, texts: list[str], rate: float, clock: Clock
) -> None:
    """Post texts into a channel at a rate a second; raises CheckFailed where Slack refuses one."""
    sayer = Say(settings, clock)
    with progress("posted") as bar:
        task = bar.add_task(channel, total=len(texts))
        start = clock.monotonic()
        for number, text in enumerate(texts):
            await clock.sleep(max(0.0, start + number / rate - clock.monotonic()))
            try:
                await sayer.post(channel, text)
            except SayRefused as error:
                raise CheckFailed(f"{error} ({number} of {len(texts)} posted)") from None
            except asyncio.CancelledError:
                click.echo(f"{number} of {len(texts)} posted", err=True)
                raise
            bar.advance(task)
    many = "1 message" if len(texts) == 1 else f"{len(texts)} messages"
    click.echo(f"Posted {many} to {channel}.")


class Say:
    """Posts into channels and waits where Slack asks for it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._client, self._clock = bot_client(settings), clock

    async def post(self, channel: str, text: str) -> str:
        """Post a message and return its `ts`; raises SayRefused."""
        metadata = {"event_type": SAY, "event_payload": {"by": "feedback say"}}
        while True:
            try:
                answer = await ask(
                    self._client.chat_postMessage(channel=channel, text=text, metadata=metadata)
                )
                return str(answer["ts"])
            except SlackError as error:
                failure = error.failure
            if failure.status != 429:
                raise SayRefused(_refusal(channel, failure))
            wait = failure.retry_after
            await self._clock.sleep(1.0 if wait is None else wait)


def _refusal(channel: str, failure: Failure) -> str:
    if not failure.status:
        return f"Slack did not answer ({failure.exception}): the message may be there or not"
    if failure.status >= 500 or not failure.word:
        return f"Slack answered with HTTP {failure.status}: the message may be in {channel} or not"
    remedy = f": {failure.remedy}" if failure.remedy else ""
    return f"Slack refused the post to {channel}: {failure.refusal}{remedy}"
