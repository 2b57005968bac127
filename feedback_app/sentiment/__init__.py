"""Sentiment classifiers: text to class probabilities and a score, 0 (negative) to 1 (positive)."""

import os

# Read when torch is loaded. By default OpenMP threads busy-wait for milliseconds, which keeps the
# cores from doing other work.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
