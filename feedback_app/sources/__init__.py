"""Where feedback comes from: X (search and stream), Slack, and what entry points add."""
