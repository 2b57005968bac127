"""The demo: a broker, the sandbox, workers, a stream of feedback, and an auditor."""
