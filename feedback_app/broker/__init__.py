"""Apache Kafka on this machine, fetched and run by the app: for the demo, development and tests."""

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.local import LocalKafka
from feedback_app.broker.node import Node

__all__ = ["BrokerUnavailable", "LocalKafka", "Node"]
