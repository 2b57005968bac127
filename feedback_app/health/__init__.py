"""Judges sources, stages, channels and workers, and posts a notice for each problem."""
