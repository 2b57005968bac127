"""Writes Delivery records, and does not give up while the partition is ours."""

from collections.abc import Callable, Sequence

from feedback_app.alerting.context import Context
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.pacing import FIRST_BACKOFF_S
from feedback_app.hop import Output, TransientError
from feedback_app.hop.stage import KAFKA_BACKOFF_S
from models import Delivery


class Writer:
    """The way to the topic `deliveries`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._topic = context.topics.deliveries.name

    def output(self, partition: int, delivery: Delivery) -> Output:
        """Return a Delivery as a record of its alert's partition number."""
        return Output(self._topic, delivery.id.encode(), delivery.encode(), partition)

    async def write(
        self,
        state: DeliveryState,
        deliveries: Sequence[Delivery],
        cut: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write and then remember the records; an outside fault is waited out until `cut`."""
        outputs = [self.output(state.partition, delivery) for delivery in deliveries]
        wait = FIRST_BACKOFF_S
        failed: str | None = None
        try:
            while True:
                try:
                    await self._context.produce(outputs)
                    break
                except TransientError as fault:
                    if cut():
                        return
                    failed = fault.dependency
                    self._context.report_blocked(failed, str(fault))
                    await self._context.clock.sleep(wait)
                    wait = min(2 * wait, KAFKA_BACKOFF_S)
        finally:
            if failed is not None:
                self._context.report_blocked(failed, None)
        if not cut():
            state.remember((deliveries, self._context.clock.time()))
