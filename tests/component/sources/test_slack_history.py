"""The history of the stand-in Slack compared with the message index."""

import re
from dataclasses import replace

import pytest
from pydantic import SecretStr

from feedback_app.sandbox import SLACK_BOT_TOKEN, ManualClock, Sandbox
from feedback_app.slack.client import web_client
from feedback_app.sources.protocol import SourceFault
from feedback_app.sources.slack.calls import find_channels, workspace
from feedback_app.sources.slack.event_handler import EventHandler
from feedback_app.sources.slack.events import Conditions, Reader
from feedback_app.sources.slack.history import PAGE, History
from feedback_app.sources.slack.names import Names
from feedback_app.sources.slack.socket import slack_sources
from feedback_app.sources.testing import MemoryContext, settings_of
from models import Cursor, Feedback
from tests.component.sources.sandbox_clock import SandboxClock


class Reconciler:
    """A history reader over #feedback and #product, begun an hour ago."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock) -> None:
        self.clock = clock
        sources = [
            {"id": "slack", "type": "slack", "channel": "#feedback"},
            {"id": "word", "type": "slack", "channel": "#product", "keyword": "kettle"},
        ]
        self.world = MemoryContext(settings_of(*sources), SandboxClock(clock))
        for source in ("slack", "word"):
            started = str(int((clock.now() - 3600) * 1e6))
            self.world.shared.cursors[source] = Cursor(source=source, position=started)
        self.web = web_client(SecretStr(SLACK_BOT_TOKEN), sandbox.slack_url)
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a new process has."""
        names = Names(self.web, self.world.clock)
        self.sources = slack_sources(self.world.settings)
        self.event_handler = EventHandler(self.world, names, self.sources, None)
        self.history = History(self.world, self.event_handler, self.event_handler.index)

    async def run(self, thorough: bool = True) -> list[Feedback]:
        """Read the history once and return what was sent by that."""
        found = await find_channels(self.web, ["#feedback", "#product"])
        conditions = tuple(Conditions.of(each, found.readable) for each in self.sources)
        reader = Reader(conditions, await workspace(self.web))
        before = len(self.world.feedback)
        await self.history.reconcile(reader, self.web, thorough=thorough)
        return self.world.feedback[before:]


@pytest.fixture
def reconciler(sandbox: Sandbox, clock: ManualClock) -> Reconciler:
    """Return a reader of the history that knows nothing yet."""
    return Reconciler(sandbox, clock)


async def test_what_was_said_unheard_is_sent_once(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    ts = sandbox.slack.say("#feedback", "nobody heard this")
    sandbox.slack.say("#product", "without the word")
    sandbox.slack.say_as_bot("#feedback", "a bot")
    clock.advance(5)
    (found,) = await reconciler.run()
    assert (found.text, found.kind, found.source) == ("nobody heard this", "create", "slack")
    assert found.revision == int(ts.replace(".", ""))
    assert found.author == "mira.sato"
    assert await reconciler.run() == []


async def test_an_edit_that_was_missed_is_a_revision(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    ts = sandbox.slack.say("#product", "the kettle is fine")
    await reconciler.run()
    clock.advance(5)
    edited = sandbox.slack.edit("#product", ts, "it is not fine at all")
    (found,) = await reconciler.run()
    assert (found.kind, found.source) == ("edit", "word")
    assert found.revision == int(edited.replace(".", ""))
    assert await reconciler.run() == []


async def test_a_deletion_that_was_missed_is_made_up_once(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    ts = sandbox.slack.say("#feedback", "gone soon")
    sandbox.slack.say("#feedback", "stays")
    (first, _) = await reconciler.run()
    clock.advance(120)
    sandbox.slack.delete("#feedback", ts)
    (found,) = await reconciler.run()
    assert (found.id, found.kind, found.text) == (first.id, "delete", "")
    assert found.revision > first.revision
    assert await reconciler.run() == []


async def test_a_message_that_the_history_shows_late_is_not_taken_for_deleted(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    sandbox.slack.history_delay = (10, 10)
    ts = sandbox.slack.say("#feedback", "heard, not shown yet")
    channel = sandbox.slack.channel("#feedback").id
    heard = Feedback(id=f"slack:{channel}:{ts}", text="", revision=1, source="slack")
    reconciler.event_handler.index.remember(heard)
    clock.advance(5)
    assert await reconciler.run() == []


async def test_all_pages_are_read_and_none_invents_deletions(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    for number in range(2 * PAGE + 50):
        sandbox.slack.say("#feedback", f"message {number}")
    clock.advance(120)
    found = await reconciler.run()
    assert len(found) == 2 * PAGE + 50
    assert {each.kind for each in found} == {"create"}
    assert await reconciler.run() == []


async def test_replies_are_read_where_the_latest_reply_is_new(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    head = sandbox.slack.say("#feedback", "the head")
    sandbox.slack.say("#feedback", "reply one", thread_ts=head)
    assert {each.text for each in await reconciler.run()} == {"the head", "reply one"}
    clock.advance(120)
    second = sandbox.slack.say("#feedback", "reply two", thread_ts=head)
    (found,) = await reconciler.run(thorough=False)
    assert found.text == "reply two"
    assert found.url is not None
    assert f"thread_ts={head}" in found.url
    clock.advance(120)
    sandbox.slack.delete("#feedback", second)
    (gone,) = await reconciler.run()
    assert (gone.id, gone.kind) == (found.id, "delete")
    assert await reconciler.run() == []


async def test_what_was_said_before_the_first_start_is_not_feedback(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    reconciler.world.shared.cursors.clear()
    sandbox.slack.say("#feedback", "long ago")
    clock.advance(60)
    assert await reconciler.run() == []
    clock.advance(60)
    sandbox.slack.say("#feedback", "since then")
    reconciler.restart()
    assert [each.text for each in await reconciler.run()] == ["since then"]


async def test_a_channel_without_the_bot_keeps_no_other_from_being_read(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    sandbox.slack.remove_bot("#feedback")
    sandbox.slack.say("#product", "the kettle leaks")
    with pytest.raises(SourceFault, match="not_in_channel"):
        await reconciler.run()
    assert [each.text for each in reconciler.world.feedback] == ["the kettle leaks"]


async def test_a_request_to_wait_is_followed(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    sandbox.slack.say("#feedback", "behind a limit")
    sandbox.faults.set(["429"])
    sandbox.faults.rates["429"] = replace(sandbox.faults.rates["429"], share=0.6, most=20)
    for _ in range(20):
        try:
            await reconciler.run()
        except SourceFault as fault:
            assert re.search("429", str(fault))  # noqa: PT017
    assert [each.text for each in reconciler.world.feedback] == ["behind a limit"]
    assert sandbox.faults.happened["429"] > 0


async def test_a_paused_source_takes_nothing_from_the_history(
    sandbox: Sandbox, reconciler: Reconciler, clock: ManualClock
) -> None:
    reconciler.world.shared.stopped.add("slack")
    sandbox.slack.say("#feedback", "while paused")
    assert await reconciler.run() == []
    reconciler.world.shared.stopped.clear()
    assert [each.text for each in await reconciler.run()] == ["while paused"]
