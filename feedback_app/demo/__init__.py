"""The demo: a broker, a sandbox X and Slack, workers, a stream of feedback, and an auditor."""
