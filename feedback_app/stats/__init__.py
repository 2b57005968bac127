"""The figures of the whole cluster, computed from the records of the topic `stats`."""
