"""The probes: `/healthz` fails only for what is stuck and does not report why."""

from dataclasses import replace

import pytest

from feedback_app.web.health import REASONS, Health, Progress, alive, ready

FINE = Health(
    now=1000.0,
    loop_at=999.5,
    consumer=Progress("consumer", 999.0, busy=True),
    stages=[Progress("sentiment", 999.0, busy=True), Progress("delivery", 0.0, busy=False)],
    assigned=True,
    model_loaded=True,
)


def test_a_working_process_is_alive_and_ready() -> None:
    assert alive(FINE).ok
    assert ready(FINE).ok
    assert alive(FINE).reasons == ready(FINE).reasons == ()


@pytest.mark.parametrize(("age", "ok"), [(60.0, True), (60.5, False)])
def test_a_busy_stage_may_make_no_progress_for_a_minute(age: float, ok: bool) -> None:
    stuck = replace(FINE, stages=[Progress("alerts", 1000.0 - age, busy=True)])
    assert alive(stuck).ok is ok
    assert alive(stuck).reasons == (() if ok else ("stage-stuck:alerts",))


def test_a_reported_wait_may_last_for_ever() -> None:
    waiting = replace(
        FINE,
        consumer=Progress("consumer", 0.0, busy=True, waiting_for="kafka"),
        stages=[Progress("delivery", 0.0, busy=True, waiting_for="slack")],
        faults={"slack": "503", "kafka": "no broker", "x": "429"},
    )
    assert alive(waiting).ok
    assert ready(waiting).ok
    assert ready(waiting).reasons == (
        "outside-fault:kafka",
        "outside-fault:slack",
        "outside-fault:x",
    )


def test_a_stuck_loop_and_a_stuck_consumer_are_named() -> None:
    stuck = replace(FINE, loop_at=900.0, consumer=Progress("consumer", 900.0, busy=True))
    assert alive(stuck).reasons == ("event-loop-stuck", "consumer-stuck")
    assert not alive(stuck).ok


def test_readiness_needs_partitions_and_the_model() -> None:
    assert ready(replace(FINE, assigned=False)).reasons == ("no-partitions-assigned",)
    assert ready(replace(FINE, model_loaded=False)).reasons == ("model-not-loaded",)
    assert not ready(replace(FINE, assigned=False, model_loaded=False)).ok


def test_every_reason_is_in_the_list_for_the_runbook() -> None:
    worst = Health(
        now=1000.0,
        loop_at=0.0,
        consumer=Progress("consumer", 0.0, busy=True),
        stages=[Progress("polls", 0.0, busy=True), Progress("alerts", 0.0, False, stopped=True)],
        assigned=False,
        model_loaded=False,
        faults={"x": "401"},
    )
    given = {reason.partition(":")[0] for reason in (*alive(worst).reasons, *ready(worst).reasons)}
    assert given == set(REASONS)
