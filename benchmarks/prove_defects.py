"""Defects, each a small edit of the program, and the test that must go red for it."""

from typing import NamedTuple


class Edit(NamedTuple):
    """A text of a file, which must stand there once, and what takes its place."""

    file: str
    old: str
    new: str


class Defect(NamedTuple):
    """What is wrong, by which edits, and the test (a pytest node id) that notices."""

    name: str
    edits: tuple[Edit, ...]
    test: str


BATCH, STAGE, RECORD = (f"feedback_app/hop/{name}.py" for name in ("batch", "stage", "record"))
SENDING, OWNERSHIP = "feedback_app/alerting/sending.py", "feedback_app/alerting/ownership.py"
SEND = "        await self.context.produce(outputs)\n"

DEFECTS = (
    Defect(
        "acknowledge before send",
        (
            Edit(
                BATCH,
                SEND,
                "        for part, run in batch:\n"
                "            self.acked[part.tp] = run[-1].offset + 1\n" + SEND,
            ),
        ),
        "tests/unit/hop/test_batch.py::"
        "test_results_leave_in_input_order_and_the_offset_is_acknowledged_last",
    ),
    Defect(
        "a send not awaited",
        (
            Edit(
                "feedback_app/hop/produce.py",
                "            await asyncio.wait(sent)\n",
                "            return\n",
            ),
        ),
        "tests/unit/hop/test_produce.py::test_it_returns_only_when_the_broker_has_acknowledged_everything",
    ),
    Defect(
        "the account after the acknowledgement",
        (
            Edit(
                BATCH,
                "            outputs.append(counters.output(self.context.stats_topic))\n",
                "            late.append(counters.output(self.context.stats_topic))\n",
            ),
            Edit(
                BATCH,
                "        all_counters: list[Counters] = []\n",
                "        all_counters: list[Counters] = []\n        late: list[Output] = []\n",
            ),
            Edit(
                BATCH,
                "        self.finished += len(done)\n",
                "        await self.context.produce(late)\n        self.finished += len(done)\n",
            ),
        ),
        "tests/unit/hop/test_produce.py::test_nothing_is_acknowledged_before_its_accounting_record",
    ),
    Defect(
        "order lost inside a batch",
        (Edit(BATCH, SEND, "        await self.context.produce(outputs[::-1])\n"),),
        "tests/unit/hop/test_batch.py::"
        "test_results_leave_in_input_order_and_the_offset_is_acknowledged_last",
    ),
    Defect(
        "an outside fault counted as an attempt",
        (
            Edit(
                STAGE,
                "                return await self.retry_forever(attempt)\n",
                "                return await attempt()\n",
            ),
        ),
        "tests/unit/hop/test_batch_failures.py::test_a_transient_error_is_retried_forever_and_never_dead_lettered",
    ),
    Defect(
        "the offset of the newest finished record acknowledged",
        (
            Edit(
                RECORD,
                "            if entry.counts is None:\n                break\n",
                "            if entry.counts is None:\n                continue\n",
            ),
        ),
        "tests/unit/hop/test_record.py::test_the_offset_is_that_of_the_oldest_unfinished_record",
    ),
    Defect(
        "a record counted again when it is read again",
        (
            Edit(
                "feedback_app/hop/accounts.py",
                "        if offset <= self.offset:\n            return\n",
                "",
            ),
        ),
        "tests/unit/hop/test_accounts.py::test_replays_and_takeovers_count_every_record_once",
    ),
    Defect(
        "two batches of one partition under way",
        (
            Edit(
                BATCH,
                "queued.keys() - frozenset().union(*self._in_flight.values())",
                "queued.keys()",
            ),
        ),
        "tests/unit/hop/test_batch.py::"
        "test_two_batches_are_in_flight_of_different_partitions_and_each_keeps_its_order",
    ),
    Defect(
        "duplicates scored again",
        (
            Edit(
                "feedback_app/sentiment/new_revisions.py",
                "        elif deleted or (\n",
                "        elif False and (\n",
            ),
        ),
        "tests/unit/agents/test_sentiment.py::test_every_order_with_redeliveries_ends_the_same",
    ),
    Defect(
        "the SDK's own retries on posts",
        (Edit("feedback_app/slack/client.py", "        retry_handlers=[],\n", ""),),
        "tests/component/alerting/test_slack_receiver.py::"
        "test_an_answer_that_says_nothing_is_uncertain_and_not_tried_again",
    ),
    Defect(
        "no guard before a post",
        (
            Edit(
                OWNERSHIP,
                "        suspect = self._stalls.suspect()\n        return (\n",
                "        return True\n        suspect = self._stalls.suspect()\n        return (\n",
            ),
        ),
        "tests/unit/alerting/test_outbox.py::"
        "test_an_intent_that_was_acknowledged_too_long_ago_is_not_used",
    ),
    Defect(
        "no intent before a post",
        (Edit(SENDING, "            await self._writer.write(state, batch.intents)\n", ""),),
        "tests/unit/alerting/test_crashes.py::"
        "test_killed_at_any_step_the_next_worker_finishes_exactly",
    ),
    Defect(
        "an uncertain post taken for a failed one",
        (
            Edit(
                "feedback_app/slack/errors.py",
                "sent=not isinstance(error, UNSENT)",
                "sent=False",
            ),
        ),
        "tests/unit/alerting/test_slack_outcomes.py::test_what_left_without_an_answer_is_uncertain",
    ),
    Defect(
        "an uncertain post looked for too early",
        (Edit("feedback_app/alerting/reconcile.py", "SURE_S = 15.0\n", "SURE_S = 0.0\n"),),
        "tests/unit/alerting/test_parts.py::test_the_schedule_of_checks",
    ),
    Defect(
        "an unescaped <!channel>",
        (
            Edit(
                "feedback_app/alerting/receivers/slack/markup.py",
                '{"&": "&amp;", "<": "&lt;", ">": "&gt;"}',
                "{}",
            ),
        ),
        "tests/unit/alerting/test_message.py::test_escaping",
    ),
    Defect(
        "the filter of bots off",
        (
            Edit(
                "feedback_app/sources/slack/events.py",
                '        if message.get("bot_id") or message.get("subtype") == "bot_message":\n',
                "        if False:\n",
            ),
        ),
        "tests/unit/sources/test_slack_events.py::test_left_out",
    ),
    Defect(
        "an event acknowledged to Slack before Kafka has it",
        (
            Edit(
                "feedback_app/sources/slack/socket.py",
                "                await self.event_handler.envelope(",
                "                await client.send_socket_mode_response("
                '{"envelope_id": envelope})\n'
                "                await self.event_handler.envelope(",
            ),
        ),
        "tests/component/sources/test_slack_socket.py::"
        "test_an_event_is_acknowledged_only_after_the_broker_has_it",
    ),
    Defect(
        "newest_id from the last page",
        (
            Edit(
                "feedback_app/sources/x/search.py",
                "newest = covered.newest or page.newest or covered.position",
                "newest = page.newest or covered.newest or covered.position",
            ),
        ),
        "tests/component/sources/test_x_polls.py::"
        "test_a_burst_of_more_than_a_page_is_read_to_its_end",
    ),
    Defect(
        "the cursor before the data",
        (
            Edit(
                "feedback_app/sources/polling.py",
                "            await context.produce(outputs)\n",
                "            late.extend(outputs)\n",
            ),
            Edit(
                "feedback_app/sources/polling.py",
                "        sent = 0\n",
                "        sent = 0\n        late: list[Output] = []\n",
            ),
            Edit(
                "feedback_app/sources/polling.py",
                "        await self._write_cursor(polled, reached)\n",
                "        await self._write_cursor(polled, reached)\n"
                "        await context.produce(late)\n",
            ),
        ),
        "tests/component/sources/test_x_polls.py::test_a_broker_that_fails_moves_no_cursor",
    ),
    Defect(
        "a Retry-After of one channel for all",
        (
            Edit(
                "feedback_app/alerting/outbox.py",
                "        queue = self._queues.get(name)\n",
                '        name = "#every"\n        queue = self._queues.get(name)\n',
            ),
        ),
        "tests/unit/alerting/test_two_channels.py::"
        "test_a_retry_after_of_one_channel_leaves_the_others_p99_under_two_seconds",
    ),
    Defect(
        "an outage during a rebalance taken for the end",
        (
            Edit(
                "feedback_app/hop/recovery.py",
                "        await super()._wait(coro)\n",
                "        await super()._wait(coro, timeout)\n",
            ),
        ),
        "tests/contract/hop/test_faust.py::"
        "test_a_recovery_outlasts_an_outage_of_kafka_as_fausts_does_not",
    ),
    Defect(
        "young messages judged by no later reading of the history",
        (
            Edit(
                "feedback_app/sources/slack/socket.py",
                "again = now() + timing.settled if thorough or missed else None",
                "again = None",
            ),
        ),
        "tests/component/sources/test_slack_socket.py::"
        "test_a_missed_deletion_of_a_young_message_is_found_by_a_second_reading",
    ),
    Defect(
        "a compliance job left without its ids",
        (
            Edit(
                "feedback_app/sources/x/compliance.py",
                "        job = await self._unused_job() or _data(\n",
                "        job = _data(\n",
            ),
        ),
        "tests/component/sources/test_x_compliance.py::"
        "test_a_job_that_was_made_and_never_filled_is_used",
    ),
    Defect(
        "a worker that its group forgot goes on posting",
        (
            Edit(
                "feedback_app/hop/transport.py",
                "        return bool(consumer._coordinator.generation == "
                "self.app.consumer_generation_id)\n",
                "        return bool(consumer)\n",
            ),
        ),
        "tests/contract/hop/test_faust.py::"
        "test_a_worker_that_its_group_forgot_is_no_member_before_faust_hears_of_it",
    ),
    Defect(
        "a reader that its own client cancels in an outage",
        (
            Edit(
                "feedback_app/hop/leaving.py",
                "        if task is not None and task.cancelling():\n",
                "        if task is not None:\n",
            ),
        ),
        "tests/contract/hop/test_faust.py::"
        "test_a_fetch_in_its_backoff_cancels_the_caller_of_stop_but_not_a_reader",
    ),
    Defect(
        "a former owner's late account counted",
        (
            Edit(
                "feedback_app/stats/ledger.py",
                "            if key in reported or minute.first <= reach.get(key[0], -2)\n",
                "            if key in reported or key[0] in reach\n",
            ),
        ),
        "tests/unit/stats/test_ledger.py::"
        "test_late_writes_of_previous_owners_are_ignored_in_any_order_and_after_compaction",
    ),
    Defect(
        "a notice out of a frozen leader's hand",
        (
            Edit(
                "feedback_app/health/service.py",
                "        return self._notices.post(notice, lambda: self._epoch() == epoch)\n",
                "        return self._notices.post(notice, self._is_leader)\n",
            ),
        ),
        "tests/unit/health/test_service.py::test_a_leader_that_stalled_posts_no_notice_of_before",
    ),
    Defect(
        "an unknown channel that holds up the others",
        (
            Edit(
                "feedback_app/alerting/channel_lookup.py",
                "            self._found = found\n",
                "            if found.unknown:\n"
                '                raise TransientError("slack", "a channel is missing")\n'
                "            self._found = found\n",
            ),
        ),
        "tests/component/alerting/test_channel_resolver.py::"
        "test_a_channel_that_slack_does_not_know_bears_its_name_until_it_does",
    ),
    Defect(
        "users of X not counted",
        (
            Edit(
                "feedback_app/sources/x/meter.py",
                "plus(len(posts), 1, now, len(users))\n",
                "plus(len(posts), 1, now)\n",
            ),
        ),
        "tests/component/sources/test_x_polls.py::test_the_budget_of_users_stops_too",
    ),
    Defect(
        "a worker that leaves no group in the middle of a join",
        (
            Edit(
                "feedback_app/hop/transport.py",
                "            await stop_and_leave(self._consumer)\n",
                "            await self._consumer.stop()\n",
            ),
        ),
        "tests/integration/test_leaving.py::test_a_worker_that_ends_during_its_first_join_leaves",
    ),
    Defect(
        "a worker that waits for Kafka's return before it ends",
        (Edit("feedback_app/runtime/app.py", "        limit.start()\n", ""),),
        "tests/integration/test_leaving.py::"
        "test_a_worker_that_ends_while_kafka_is_away_ends_and_loses_nothing",
    ),
    Defect(
        "ids that are forgotten when they go to the disk",
        (
            Edit(
                "feedback_app/dedupe_store.py",
                "            self._file.write(new | {i: merged(one, new[i]) "
                "for i, one in old.items()})\n",
                "            self._file.write(old)\n",
            ),
        ),
        "tests/unit/test_dedupe.py::test_every_id_that_was_added_is_known",
    ),
)
