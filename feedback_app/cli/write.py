"""Records that the commands write."""

import getpass
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from feedback_app.clock import SystemClock
from feedback_app.hop.errors import TransientError
from feedback_app.kafka.clients import DEPENDENCY, producer
from feedback_app.settings import Settings
from models import Action, rfc3339


async def write_actions(settings: Settings, topic: str, actions: Sequence[Action]) -> None:
    """Write actions under their targets; returns once the broker has acknowledged them.

    Raises TransientError.
    """
    async with producer(settings) as client:
        try:
            for action in actions:
                await client.send_and_wait(
                    topic, key=action.target.encode(), value=action.encode(), partition=0
                )
        except (KafkaError, TimeoutError) as error:
            raise TransientError(DEPENDENCY, f"cannot write to {topic}: {error}") from error


def action(kind: str, target: str, value: str | None = None) -> Action:
    """Return an action by the user of this terminal, at this time."""
    return Action(
        type=kind, target=target, value=value, actor=_user(), at=rfc3339(SystemClock().time())
    )


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return None
