"""Sentiment: from a text to three probabilities and a score from 0 (negative) to 1 (positive)."""
