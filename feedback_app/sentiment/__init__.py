"""Sentiment: from a text to three probabilities and a score from 0 (negative) to 1 (positive)."""

import os

# Read when torch is loaded. By default its threads wait for each other in a loop of milliseconds,
# which takes the cores from whatever else they wait for.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
