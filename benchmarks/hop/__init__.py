"""One hop, topic to topic, with a trivial handler: the stage runner, and a bare client loop."""

from benchmarks.hop.measure import measure

__all__ = ["measure"]
