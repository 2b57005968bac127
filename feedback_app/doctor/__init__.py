"""The doctor: looks at everything that a worker will need, and says what to mend."""
