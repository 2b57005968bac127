"""Trains the shipped classifier: a teacher, its outputs, the student, and the finished weights."""
