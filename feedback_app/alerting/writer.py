"""Writes Delivery records, and retries while the partition is ours."""

from collections.abc import Callable, Sequence

from feedback_app.alerting.context import OutboxContext
from feedback_app.alerting.delivery_state import DeliveryState
from feedback_app.alerting.pacing import FIRST_BACKOFF_S
from feedback_app.backoff import Backoff
from feedback_app.hop import Output, TransientError
from feedback_app.hop.stage import KAFKA_BACKOFF_S
from models import Delivery


class DeliveryWriter:
    """Writes to the topic `deliveries` and keeps the partition's state up with it."""

    def __init__(self, context: OutboxContext) -> None:
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
        """Write the records, then remember them; retries transient errors until `cut`."""
        context = self._context
        outputs = [self.output(state.partition, delivery) for delivery in deliveries]
        backoff = Backoff(FIRST_BACKOFF_S, KAFKA_BACKOFF_S, uniform=context.uniform)
        failed: str | None = None
        try:
            while True:
                try:
                    await context.produce(outputs)
                    break
                except TransientError as error:
                    if cut():
                        return
                    failed = error.dependency
                    context.report_blocked(failed, str(error))
                    await context.clock.sleep(backoff.next())
        finally:
            if failed is not None:
                context.report_blocked(failed, None)
        if not cut():
            state.remember((deliveries, context.clock.time()))
