"""How the sources of X show a gap."""

from feedback_app.sources.source_type import Gap

GAP = Gap(
    text="X no longer returns what was posted from {gap_from} to {gap_to}",
    # A gap ends seven days before it is found, so it is shown for a day.
    shown_s=8 * 86400.0,
)
