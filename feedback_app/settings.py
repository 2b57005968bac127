"""The settings of the app, as types that check themselves.

`feedback_app/load_settings.py` reads them from the environment and the TOML file.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from feedback_app.durations import Duration, seconds_of

SECRETS = (
    "KAFKA_SASL_PASSWORD",
    "X_BEARER_TOKEN",
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "WEB_TOKEN",
    "AZURE_KEY",
)
PREFIX = "FEEDBACK_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConfigurationError(Exception):
    """The configuration cannot work; the message says what to change."""


OWNER_ID = "owner"
"""No source may have it: `models.OWNER`, a key beside those of the sources."""
ID_FORM = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


def _listed(value: object) -> object:
    return (
        [part for part in re.split(r"[\s,]+", value) if part] if isinstance(value, str) else value
    )


def _within_a_week(start: str) -> str:
    if start != "now" and seconds_of(start) > 7 * 86400:
        raise ValueError(f"{start} is further back than X can search: at most 7d")
    return start


Listed = BeforeValidator(_listed)
"""Takes a list, or one string with commas or spaces between its parts."""
SearchStart = Annotated[str, Field(pattern=r"^(now|\d+[smhd])$"), AfterValidator(_within_a_week)]
"""How far back a search starts: `now`, or a duration of at most seven days."""


class SourceOptions(BaseModel):
    """The keys that every `[[sources]]` table takes; each source type adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(pattern=ID_FORM)
    """The name of the source in accounts, on the page and in `feedback sources`."""
    type: str
    """`x-search`, `x-stream`, `slack`, or the name of an entry point `feedback_app.sources`."""
    silent_after: Duration | None = None
    """How long a silence is worth a notice; learned from the source's rhythm unless set."""

    @property
    def listens(self) -> tuple[str, ...]:
        """The Slack channels that the source listens on: no alert or notice may go there."""
        return ()

    @field_validator("id")
    @classmethod
    def _free(cls, value: str) -> str:
        if value == OWNER_ID:
            raise ValueError(f"source {value}: this id is taken, choose another")
        return value


class Rule(BaseModel):
    """One alert rule (`[[rules]]` in the TOML file, beside the two of the environment)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(pattern=ID_FORM)
    """The name of the rule, part of each alert id."""
    channel: str
    """The Slack channel that its alerts go to. Leave it as it is written: once it is renamed, or
    written as an id instead of a name, messages posted before are not edited or withdrawn any
    more."""
    below: float | None = Field(default=None, ge=0, le=1)
    """Alert where the score is below this."""
    above: float | None = Field(default=None, ge=0, le=1)
    """Alert where the score is above this."""
    source: str | None = None
    """Only feedback of this source id."""


class Settings(BaseModel):
    """Every setting; a field `x` is read from the environment variable `FEEDBACK_X`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    config: Path | None = None
    """A TOML file with `[[sources]]` and `[[rules]]`."""

    kafka_bootstrap: str | None = None
    """`host:port,…`; unset starts the local broker (development only)."""
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to Kafka; only the two with SSL encrypt, so the others show a password to all."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """The SASL mechanism, where the security says SASL."""
    kafka_sasl_username: str | None = None
    """The SASL user name."""
    kafka_sasl_password: SecretStr | None = None
    """The SASL password."""
    kafka_ca_file: Path | None = None
    """A PEM file with the authority that signed the brokers' certificates."""
    topic_prefix: str = Field(default="feedback.", pattern=r"^[A-Za-z0-9._-]{0,80}$")
    """What every topic name begins with; a prefix belongs to one app id."""
    app_id: str = Field(default="feedback", pattern=r"^[A-Za-z0-9._-]{1,80}$")
    """The Faust app id, which is the consumer group."""
    partitions: int = Field(default=12, ge=1, le=1000)
    """Partitions of the work topics: how many workers can share the work."""
    replication: int | None = Field(default=None, ge=1)
    """Copies of each topic; 3 where three brokers exist, else 1, unless set."""
    data_dir: Path = Path("data")
    """Where the local broker keeps its data."""
    session_timeout: Duration = Field(
        default=timedelta(seconds=10), ge=timedelta(seconds=1), le=timedelta(minutes=5)
    )
    """How long a worker may be unheard before its partitions move."""
    commit_interval: Duration = Field(
        default=timedelta(seconds=1), ge=timedelta(seconds=0.1), le=timedelta(minutes=1)
    )
    """How often acknowledged offsets are committed."""

    x_bearer_token: SecretStr | None = None
    """The app's bearer token for the X API."""
    x_query: str | None = None
    """A search query; makes the source `x`."""
    x_poll_seconds: float = Field(default=5, gt=0)
    """Seconds between two polls of a query."""
    x_api_url: str = "https://api.twitter.com"
    """The X API; another address is for tests and gateways."""
    x_start: SearchStart = "now"
    """Where the source `x` starts when it has no cursor."""
    x_daily_posts: int | None = Field(default=None, ge=1)
    """Posts that may be read a UTC day; unset means no limit."""
    x_monthly_posts: int | None = Field(default=None, ge=1)
    """Posts that may be read a UTC month; unset means no limit."""
    x_daily_users: int | None = Field(default=None, ge=1)
    """Users that may be read with them a UTC day; unset means no limit."""
    x_monthly_users: int | None = Field(default=None, ge=1)
    """Users that may be read with them a UTC month; unset means no limit."""
    x_compliance_every: Duration = Field(
        default=timedelta(hours=6), ge=timedelta(seconds=1), le=timedelta(days=1)
    )
    """How often X is asked which of the posts kept here were deleted."""

    slack_bot_token: SecretStr | None = None
    """The bot token, `xoxb-…`."""
    slack_app_token: SecretStr | None = None
    """The app-level token, `xapp-…`, for Socket Mode."""
    slack_channels: Annotated[tuple[str, ...], Listed] = ()
    """Channels to listen on; makes the source `slack`."""
    slack_keyword: str | None = None
    """The source `slack` takes only messages that contain this word."""
    slack_api_url: str = "https://slack.com/api/"
    """The Slack Web API; another address is for tests and gateways."""

    negative_below: float = Field(default=0.3, ge=0, le=1)
    """A score below this goes to the negative channel."""
    positive_above: float = Field(default=0.9, ge=0, le=1)
    """A score above this goes to the positive channel."""
    negative_channel: str = "#negative-feedback"
    """Where negative feedback is posted."""
    positive_channel: str = "#positive-feedback"
    """Where delighted feedback is posted."""
    slack_posts_per_second: float = Field(default=1, ge=0)
    """Posts a second and channel; 0 means no pacing."""
    alert_digest_above: int = Field(default=30, ge=0)
    """More alerts than this waiting for a channel go out as one digest; 0 means never."""
    alert_max_age: Duration = timedelta(hours=6)
    """An alert older than this only goes into a digest."""
    ops_channel: str | None = None
    """Where notices about the app itself go."""
    dedupe_hours: float = Field(default=24, gt=0, le=168)
    """How long a repeated id is recognised; some 100 bytes of disk an id (`SQLITE_TMPDIR`)."""

    model: str | None = None
    """A directory or hub name of a classifier, `azure`, or unset for the bundled one."""
    model_threads: int | None = Field(default=None, ge=1)
    """Threads of the classifier; unset shares the cores with the other workers on the machine."""
    azure_endpoint: str | None = None
    """The endpoint of Azure AI Language, for the model `azure`."""
    azure_key: SecretStr | None = None
    """The key of Azure AI Language."""

    web_host: str = "127.0.0.1"
    """The address of the page; other than loopback demands a token."""
    web_port: int = Field(default=6066, ge=1, le=65535)
    """The port of the page."""
    web_token: SecretStr | None = None
    """The token that the page and the API ask for."""

    sources: tuple[SerializeAsAny[SourceOptions], ...] = ()
    """The sources: those of the TOML file, then `x` and `slack` of the environment."""
    rules: tuple[Rule, ...] = ()
    """The rules: `negative`, `positive`, then those of the TOML file."""

    @field_validator(*(name.lower() for name in SECRETS))
    @classmethod
    def _not_blank(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("it is blank: set it, or leave the variable out")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _hosts(cls, value: str | None) -> str | None:
        for part in (value or "").split(",") if value else ():
            if not re.fullmatch(r"\s*(\[[0-9a-fA-F:]+\]|[^\s:,/]+):\d{1,5}\s*", part):
                raise ValueError(f"{part!r} is not host:port")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.negative_below > self.positive_above:
            raise ValueError(
                f"FEEDBACK_NEGATIVE_BELOW ({self.negative_below}) is above "
                f"FEEDBACK_POSITIVE_ABOVE ({self.positive_above}): lower the first"
            )
        if self.kafka_security.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError(
                "FEEDBACK_KAFKA_SASL_USERNAME and FEEDBACK_KAFKA_SASL_PASSWORD are needed "
                f"with {self.kafka_security}"
            )
        if not self.kafka_security.startswith("SASL") and (
            self.kafka_sasl_username or self.kafka_sasl_password
        ):
            raise ValueError(
                f"FEEDBACK_KAFKA_SECURITY is {self.kafka_security}, which sends no user name and "
                "no password: set it to SASL_SSL, or unset FEEDBACK_KAFKA_SASL_*"
            )
        if self.kafka_ca_file and not self.kafka_security.endswith("SSL"):
            raise ValueError(
                f"FEEDBACK_KAFKA_SECURITY is {self.kafka_security}, which encrypts nothing: "
                "set it to SSL or SASL_SSL, or unset FEEDBACK_KAFKA_CA_FILE"
            )
        if self.web_host not in LOOPBACK and self.web_token is None:
            raise ValueError(
                f"FEEDBACK_WEB_HOST is {self.web_host}, which others can reach: "
                "set FEEDBACK_WEB_TOKEN"
            )
        seen: set[str] = set()
        for item in self.sources:
            if item.id in seen:
                raise ValueError(f"two sources have the id {item.id}: rename one")
            seen.add(item.id)
        for rule in self.rules:
            if sum(rule.id == other.id for other in self.rules) > 1:
                raise ValueError(f"two rules have the id {rule.id}: rename one")
            if rule.source is not None and rule.source not in seen:
                raise ValueError(f"rule {rule.id}: there is no source {rule.source}")
        posted = {rule.channel for rule in self.rules} | {self.ops_channel}
        for item in self.sources:
            if both := posted.intersection(item.listens):
                raise ValueError(
                    f"{min(map(str, both))} is listened to (source {item.id}) and posted to: "
                    "an alert would be its own feedback; choose another channel"
                )
        return self
