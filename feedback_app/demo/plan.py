"""What a demo is asked for, and the settings that its workers get."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from feedback_app.load_settings import load
from feedback_app.sandbox import PRODUCT_QUERY, SLACK_APP_TOKEN, SLACK_BOT_TOKEN, X_BEARER_TOKEN
from feedback_app.settings import Settings

Via = Literal["x", "slack", "mixed"]

LISTENED = ("#feedback", "#product")
OPS_CHANNEL = "#feedback-ops"
PARTITIONS = 4
POLL_SECONDS = 2.5
"""X allows 450 searches in 15 minutes: one in two seconds."""
PASSED_ON = (
    "FEEDBACK_MODEL",
    "FEEDBACK_MODEL_THREADS",
    "FEEDBACK_NEGATIVE_BELOW",
    "FEEDBACK_POSITIVE_ABOVE",
    "FEEDBACK_AZURE_ENDPOINT",
    "FEEDBACK_AZURE_KEY",
    "FEEDBACK_AZURE_KEY_FILE",
    "FEEDBACK_CACHE_DIR",
)
"""The settings of the caller that a demo keeps; all others are its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for; `rate` is in messages a second, `seconds` may be open."""

    workers: int = 1
    seconds: float | None = None
    input: Path | None = None
    via: Via = "mixed"
    rate: float | None = None
    faults: frozenset[str] = frozenset()
    seed: int = 0
    kafka: str | None = None
    report: Path | None = None

    @property
    def ends_by_itself(self) -> bool:
        """Whether the demo ends when its input is through."""
        return self.seconds is not None or self.report is not None

    @property
    def paced(self) -> bool:
        """Whether Slack takes one post a second, as it really does."""
        return self.input is None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a demo's parts listen."""

    kafka: str
    x: str
    slack: str


def worker_environment(
    plan: Plan, addresses: Addresses, run_id: str, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of the workers, but for the web port.

    Nothing of the caller's configuration leaks in: not its tokens, channels or Kafka.
    """
    given = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith("FEEDBACK_") or name in PASSED_ON
    }
    # The workers run elsewhere, where a relative path would lead to nothing.
    if (model := kept.get("FEEDBACK_MODEL")) and Path(model).is_dir():
        kept["FEEDBACK_MODEL"] = str(Path(model).absolute())
    found = kept | {
        "FEEDBACK_KAFKA_BOOTSTRAP": addresses.kafka,
        "FEEDBACK_TOPIC_PREFIX": f"{run_id}.",
        "FEEDBACK_APP_ID": run_id,
        "FEEDBACK_PARTITIONS": str(PARTITIONS),
        "FEEDBACK_SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
        "FEEDBACK_SLACK_APP_TOKEN": SLACK_APP_TOKEN,
        "FEEDBACK_SLACK_API_URL": addresses.slack,
        "FEEDBACK_OPS_CHANNEL": OPS_CHANNEL,
        "PYTHONUNBUFFERED": "1",
    }
    if plan.via != "slack":
        found |= {
            "FEEDBACK_X_BEARER_TOKEN": X_BEARER_TOKEN,
            "FEEDBACK_X_API_URL": addresses.x,
            "FEEDBACK_X_QUERY": PRODUCT_QUERY,
            "FEEDBACK_X_POLL_SECONDS": str(POLL_SECONDS),
            # The stream may begin before the first poll.
            "FEEDBACK_X_START": "1h",
        }
    if plan.via != "x":
        found["FEEDBACK_SLACK_CHANNELS"] = ",".join(LISTENED)
    if not plan.paced:
        found |= {"FEEDBACK_SLACK_POSTS_PER_SECOND": "0", "FEEDBACK_ALERT_DIGEST_ABOVE": "0"}
    return found


def settings_of(environment: Mapping[str, str]) -> Settings:
    """Return the settings that a worker reads from this environment; raises ConfigurationError."""
    return load(dict(environment))


def new_run_id() -> str:
    """Return a name for a run that no other has, even on a shared Kafka."""
    return f"demo-{secrets.token_hex(4)}"
