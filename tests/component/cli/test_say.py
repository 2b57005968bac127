"""`feedback say` against a stand-in Slack."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from feedback_app.cli.common import CheckFailed
from feedback_app.cli.say import Say, SayRefused, post_all, read_texts, say
from feedback_app.sandbox import ManualClock, Rate, Sandbox
from feedback_app.settings import ConfigurationError
from tests.component.cli.conftest import Configure
from tests.support.clocks import HandClock


async def test_a_message_is_marked_as_said(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    await Say(configure(), clock).post("#feedback", "The new lid is a joy.")
    (message,) = sandbox.slack.channel("#feedback").messages
    assert message.text == "The new lid is a joy."
    assert message.metadata is not None
    assert message.metadata["event_type"] == "feedback_say"


async def test_a_file_goes_out_at_its_rate_and_in_order(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    start = clock.now
    await post_all(configure(), "#product", ["one", "two", "three"], 0.5, clock)
    texts = [message.text for message in sandbox.slack.channel("#product").messages]
    assert texts == ["one", "two", "three"]
    assert clock.now - start == pytest.approx(4.0)


async def test_a_rate_limit_is_waited_out_as_slack_asks(configure: Configure) -> None:
    slow = ManualClock(1_790_000_000.0)
    strict = Sandbox(posts_per_second=1.0, clock=slow)
    await strict.start()

    class Both(HandClock):
        """Moves the stand-in's clock too."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            slow.advance(seconds)

    clock = Both()
    try:
        sayer = Say(configure(slack_api_url=strict.slack_url), clock)
        for number in range(12):
            await sayer.post("#feedback", f"number {number}")
        assert len(strict.slack.channel("#feedback").messages) == 12
        assert len(clock.slept) >= 5
        assert min(clock.slept) >= 1
    finally:
        await strict.stop()


async def test_an_answer_that_never_came_is_not_asked_for_twice(
    configure: Configure, clock: HandClock
) -> None:
    lossy = Sandbox(posts_per_second=None, faults=frozenset({"lost-answer"}))
    lossy.faults.rates = dict(lossy.faults.rates) | {"lost-answer": Rate(1.0, 1)}
    await lossy.start()
    try:
        settings = configure(slack_api_url=lossy.slack_url)
        with pytest.raises(SayRefused):
            await Say(settings, clock).post("#feedback", "once")
        assert len(lossy.slack.channel("#feedback").messages) == 1
    finally:
        await lossy.stop()


async def test_a_refusal_says_what_to_do_and_how_far_it_came(
    sandbox: Sandbox, configure: Configure, clock: HandClock
) -> None:
    sandbox.slack.remove_bot("#feedback")
    with pytest.raises(CheckFailed, match=r"not_in_channel: invite the bot.*\(0 of 2 posted\)"):
        await post_all(configure(), "#feedback", ["one", "two"], 1.0, clock)
    sandbox.slack.access.scopes.discard("chat:write")
    with pytest.raises(SayRefused, match=r"missing_scope \(chat:write\): add the scope"):
        await Say(configure(), clock).post("#product", "one")


def test_without_a_token_it_says_where_to_find_one(configure: Configure, clock: HandClock) -> None:
    with pytest.raises(ConfigurationError, match="FEEDBACK_SLACK_BOT_TOKEN"):
        Say(configure(slack_bot_token=None), clock)


def test_lines_are_plain_or_json(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_text('plain\n\n{"text": "json", "more": 1}\n')
    assert read_texts(file) == ["plain", "json"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"text": 1}\n', b"{bad\n", b"\xff\n"])
def test_a_line_without_a_text_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "texts"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="texts"):
        read_texts(file)


@pytest.mark.parametrize("args", [["#c"], ["#c", "text", "--file", __file__]])
def test_it_wants_a_text_or_a_file_not_both(args: list[str]) -> None:
    result = CliRunner().invoke(say, args)
    assert result.exit_code == 2
    assert "either a text or --file" in result.output
