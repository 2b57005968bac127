"""`feedback say`: posts feedback into Slack, as people would, for a source to take in."""

import asyncio
from pathlib import Path

import click
import orjson

from feedback_app.cli.common import CheckFailed, Command, progress, run
from feedback_app.cli.slack import Say, SayRefused
from feedback_app.clock import Clock, SystemClock
from feedback_app.configuration import load
from feedback_app.settings import ConfigurationError, Settings

EXAMPLE = (
    "\b\nExample:\n"
    '  feedback say "#feedback" "The new export is a joy."\n'
    '  feedback say "#feedback" --file samples.txt --rate 0.5'
)


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

    The messages are marked, so that a worker takes them in although a bot posted them.
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
