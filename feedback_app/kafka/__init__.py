"""Kafka: connections, the table of topics, their administration, and reading a topic back."""
