"""The options of a demo, and the settings of its workers."""

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

FEEDBACK_CHANNELS = ("#feedback", "#product")
OPS_CHANNEL = "#feedback-ops"
PARTITIONS = 4
POLL_SECONDS = 2.5
"""X allows 450 searches in 15 minutes: one every two seconds."""
INHERITED_SETTINGS = (
    "FEEDBACK_MODEL",
    "FEEDBACK_MODEL_THREADS",
    "FEEDBACK_NEGATIVE_BELOW",
    "FEEDBACK_POSITIVE_ABOVE",
    "FEEDBACK_AZURE_ENDPOINT",
    "FEEDBACK_AZURE_KEY",
    "FEEDBACK_AZURE_KEY_FILE",
    "FEEDBACK_CACHE_DIR",
)
"""The settings that a demo inherits from the caller's environment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The command line options; `rate` is in messages per second, `seconds` None is unlimited."""

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
        """Whether the demo ends once its input is processed."""
        return self.seconds is not None or self.report is not None

    @property
    def paced(self) -> bool:
        """Whether the sandbox limits posts to one per second, as Slack does."""
        return self.input is None


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a demo's services."""

    kafka: str
    x: str
    slack: str


def worker_environment(
    plan: Plan, addresses: Addresses, run_id: str, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of the workers, except for the web port.

    The caller's configuration (tokens, channels, Kafka) does not leak in.
    """
    inherited = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith("FEEDBACK_") or name in INHERITED_SETTINGS
    }
    # The workers run in another directory, where a relative path would be wrong.
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
            # Playing may begin before the first poll.
            "FEEDBACK_X_START": "1h",
        }
    if plan.via != "x":
        found["FEEDBACK_SLACK_CHANNELS"] = ",".join(FEEDBACK_CHANNELS)
    if not plan.paced:
        found |= {"FEEDBACK_SLACK_POSTS_PER_SECOND": "0", "FEEDBACK_ALERT_DIGEST_ABOVE": "0"}
    return found


def settings_of(environment: Mapping[str, str]) -> Settings:
    """Return a worker's settings for this environment; raises ConfigurationError."""
    return load(dict(environment))


def new_run_id() -> str:
    """Return a run name that is unique even on a shared Kafka."""
    return f"demo-{secrets.token_hex(4)}"
