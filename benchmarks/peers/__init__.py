"""The hop next to what else one would use: the same work, broker, partitions and acks."""
