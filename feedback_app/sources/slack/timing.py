"""How long the parts of a Slack connection may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the connection's parts may take, in seconds."""

    ping: float = 5.0
    check: float = 1.0
    """Between two checks of the connection."""
    opening: float = 15.0
    silent: float = 30.0
    """Without a pong or a frame, until the connection is rebuilt."""
    without_events: float = 3600.0
    """Without an event, until it is rebuilt although it seems to work."""
    foreign_connections: float = 30.0
    """From the greeting until its count of connections is compared with the cluster's own."""
    foreign_recheck: float = 300.0
    """Until the connection is opened again to see whether the foreign connections are gone."""
    channels: float = 60.0
    """Between two look-ups of channels that were missing."""
    reconcile: float = 600.0
    """Between two reads of the history by the leader."""
    missed: float = 30.0
    """From an event that could not be sent to the broker until a read of the history."""
    settled: float = 65.0
    """From that read, or the first of a connection, until another for what was too young."""
    stand_by: float = 60.0
    """Until a worker that stands by tries to connect again."""
    first_wait: float = 1.0
    longest_wait: float = 60.0
    drain: float = 2.0
    """How long events in flight may take once the connection ends."""
