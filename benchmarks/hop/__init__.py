"""One hop, topic to topic, with a trivial handler: this project's, and a bare client loop."""

from benchmarks.hop.measure import measure

__all__ = ["measure"]
