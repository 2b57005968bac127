"""The stage runner: the one place that owns delivery. Every stage is a handler that it runs.

    records of a topic ─► decode ─► handler ─► outputs + accounting ─► broker ack ─► acknowledge

`batch` and `record` are the two kinds of stage, `stage` is what they share. `transport` takes
records from Faust's consumer, `produce` sends outputs, `accounts` counts, `partition` restores
state, `errors` defines the kinds of failure.
"""

from feedback_app.hop.errors import BadRecord, CircuitOpen, TransientError
from feedback_app.hop.types import Count, Item, Output, PartitionState, Produce, Result, Row

__all__ = [
    "BadRecord",
    "CircuitOpen",
    "Count",
    "Item",
    "Output",
    "PartitionState",
    "Produce",
    "Result",
    "Row",
    "TransientError",
]
