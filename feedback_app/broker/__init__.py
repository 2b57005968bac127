"""A local Apache Kafka, downloaded and run by the app: for the demo, development and tests.

`LocalKafka` runs a cluster in child processes; `find_or_start` shares one among the workers on the
machine; `running_bootstrap` returns the address of one that is running.
"""

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.local import LocalKafka
from feedback_app.broker.node import Node
from feedback_app.broker.security import Security
from feedback_app.broker.sharing import SharedBroker, find_or_start, running_bootstrap

__all__ = [
    "BrokerUnavailable",
    "LocalKafka",
    "Node",
    "Security",
    "SharedBroker",
    "find_or_start",
    "running_bootstrap",
]
