"""The snapshot of this process that the probes judge."""

from collections.abc import Callable
from dataclasses import dataclass

from feedback_app.clock import Clock
from feedback_app.hop.registry import StageRegistry
from feedback_app.runtime.heartbeat import Heartbeat
from feedback_app.web.health import Health, Progress

REBALANCE = "rebalance"


@dataclass(frozen=True, slots=True)
class Probes:
    """Takes the snapshot; `faults` returns {dependency: what is wrong}."""

    clock: Clock
    registry: StageRegistry
    heartbeat: Heartbeat
    model_loaded: Callable[[], bool]
    faults: Callable[[], dict[str, str]]

    def snapshot(self) -> Health:
        """Return when everything last moved, and what may rest."""
        app, stages, now = self.registry.app, self.registry.by_name, self.clock.monotonic()
        assigned = any(stage.partitions for stage in stages.values())
        running = app.started and assigned
        resting = REBALANCE if not running or app.rebalancing else None
        return Health(
            now=now,
            loop_at=self.heartbeat.at if self.heartbeat.started else now,
            consumer=Progress(
                "consumer",
                self.registry.consumer.fetched_at if running else now,
                busy=True,
                waiting_for=resting,
            ),
            stages=[
                Progress(
                    name,
                    stage.progress_at,
                    busy=stage.busy,
                    waiting_for=next(iter(stage.waiting), resting),
                    stopped=stage.stopped is not None,
                )
                for name, stage in stages.items()
            ],
            assigned=assigned,
            model_loaded=self.model_loaded(),
            faults=self.faults(),
        )
