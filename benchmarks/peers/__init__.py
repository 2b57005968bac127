"""Comparison with other engines: the same work, broker, partitions and acks."""
