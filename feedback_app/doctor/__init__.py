"""The doctor: checks everything that a worker needs, and says what to fix."""
