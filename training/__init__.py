"""Trains the shipped classifier: the teachers, their logits, the student and the final weights."""
