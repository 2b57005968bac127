"""The records on the wire: one module per record, JSON in UTF-8, each with a version.

Fields are only added, always with a default, and unknown fields are ignored, so old and new
workers can share a topic during an upgrade.
"""

from models.account import Account
from models.action import Action
from models.alert import Alert
from models.cursor import OWNER, Cursor
from models.dead_letter import DeadLetter
from models.delivery import Delivery
from models.feedback import Feedback
from models.poll import PollRequest
from models.scored import ScoredFeedback
from models.wire import InvalidRecord, Wire, from_rfc3339, rfc3339
from models.worker_status import WorkerStatus

__all__ = [
    "OWNER",
    "Account",
    "Action",
    "Alert",
    "Cursor",
    "DeadLetter",
    "Delivery",
    "Feedback",
    "InvalidRecord",
    "PollRequest",
    "ScoredFeedback",
    "Wire",
    "WorkerStatus",
    "from_rfc3339",
    "rfc3339",
]
