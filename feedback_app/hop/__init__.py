"""The hop: the one place that owns delivery. Every stage of the pipeline is a handler on it.

    records of a topic ─► decode ─► handler ─► outputs + account ─► broker says yes ─► acknowledge

`batch` and `record` are the two kinds of stage, `stage` what they share, `transport` the way out
of Faust's consumer, `produce` the way back to the broker, `accounts` the counting, `partition` the
state, `errors` the three kinds of failure.
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
