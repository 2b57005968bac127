"""How long the parts of a Slack connection may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the connection's parts may take, in seconds."""

    ping: float = 5.0
    look: float = 1.0
    """Between two looks at the connection's health."""
    opening: float = 15.0
    silent: float = 30.0
    """Without a ping's answer or a frame, until the connection is rebuilt."""
    without_events: float = 3600.0
    """Without an event, until it is rebuilt although it seems well."""
    foreign_connections: float = 30.0
    """From the greeting until its count of connections is held against the cluster's own."""
    foreign_recheck: float = 300.0
    """Until the connection is opened afresh to see whether the strangers are gone."""
    channels: float = 60.0
    """Between two looks for channels that were not there."""
    reconcile: float = 600.0
    """Between two readings of the history by the leader."""
    missed: float = 30.0
    """From an event that the broker did not take to a reading of the history."""
    settled: float = 65.0
    """From that reading, or from a new connection's, to another of what was too young for it."""
    stand_by: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    drain: float = 2.0
