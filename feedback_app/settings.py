"""Configuration: environment variables, `.env`, and the TOML file that FEEDBACK_CONFIG names.

A wrong value stops the start with one line that says what to change (`ConfigurationError`).
"""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from feedback_app.configured import (
    Channel,
    Channels,
    Rule,
    Source,
    within_a_week,
)
from feedback_app.durations import Duration

__all__ = ["ConfigurationError", "Rule", "Settings", "Source", "load"]

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
    x_start: str = Field(default="now", pattern=r"^(now|\d+[smhd])$")
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
    slack_channels: Channels = ()
    """Channels to listen on; makes the source `slack`."""
    slack_keyword: str | None = None
    """The source `slack` takes only messages that contain this word."""
    slack_api_url: str = "https://slack.com/api/"
    """The Slack Web API; another address is for tests and gateways."""

    negative_below: float = Field(default=0.3, ge=0, le=1)
    """A score below this goes to the negative channel."""
    positive_above: float = Field(default=0.9, ge=0, le=1)
    """A score above this goes to the positive channel."""
    negative_channel: Channel = "#negative-feedback"
    """Where negative feedback is posted."""
    positive_channel: Channel = "#positive-feedback"
    """Where delighted feedback is posted."""
    slack_posts_per_second: float = Field(default=1, ge=0)
    """Posts a second and channel; 0 means no pacing."""
    alert_digest_above: int = Field(default=30, ge=0)
    """More alerts than this waiting for a channel go out as one digest; 0 means never."""
    alert_max_age: Duration = timedelta(hours=6)
    """An alert older than this only goes into a digest."""
    ops_channel: Channel | None = None
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

    sources: tuple[Source, ...] = ()
    """The sources: those of the TOML file, then `x` and `slack` of the environment."""
    rules: tuple[Rule, ...] = ()
    """The rules: `negative`, `positive`, then those of the TOML file."""

    @field_validator(*(name.lower() for name in SECRETS))
    @classmethod
    def _not_blank(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("it is blank: set it, or leave the variable out")
        return value

    @field_validator("x_start")
    @classmethod
    def _within_reach(cls, value: str) -> str:
        return within_a_week(value)

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


def load(environ: dict[str, str] | None = None) -> Settings:
    """Return the settings of the environment; raises ConfigurationError with one clear line.

    `environ` replaces the process environment, for tests.
    """
    env = _dotenv() | dict(os.environ) if environ is None else dict(environ)
    given: dict[str, Any] = _secret_files(env) | {
        name: value for name in Settings.model_fields if (value := env.get(PREFIX + name.upper()))
    }
    table = _toml(given.get("config"))
    try:
        # The two rules of the environment need its checked values, so it is read alone first.
        plain = Settings.model_validate(given)
        given["sources"] = _sources(plain, table)
        given["rules"] = _rules(plain, table)
        return Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None


def _dotenv() -> dict[str, str]:
    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def _secret_files(env: dict[str, str]) -> dict[str, str]:
    found = {}
    for name in SECRETS:
        path = env.get(f"{PREFIX}{name}_FILE")
        if path and not env.get(f"{PREFIX}{name}"):
            try:
                found[name.lower()] = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"{PREFIX}{name}_FILE: cannot read {path}: "
                    f"{getattr(error, 'strerror', None) or 'it is not text'}"
                ) from None
            if not found[name.lower()]:
                raise ConfigurationError(f"{PREFIX}{name}_FILE: {path} is empty")
    return found


def _toml(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    path = Path(name)
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"FEEDBACK_CONFIG: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if unknown := set(table) - {"sources", "rules"}:
        raise ConfigurationError(f"{path}: unknown table {min(unknown)}: only sources and rules")
    for name, rows in table.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigurationError(f"{path}: {name} is no list of tables: write [[{name}]]")
    return table


def _sources(base: Settings, table: dict[str, Any]) -> list[Any]:
    found = list(table.get("sources", []))
    if base.x_query:
        found.append({"id": "x", "type": "x-search", "query": base.x_query, "start": base.x_start})
    if base.slack_channels:
        found.append(
            {
                "id": "slack",
                "type": "slack",
                "channels": base.slack_channels,
                "keyword": base.slack_keyword,
            }
        )
    return found


def _rules(base: Settings, table: dict[str, Any]) -> list[Any]:
    seed = [
        {"id": "negative", "channel": base.negative_channel, "below": base.negative_below},
        {"id": "positive", "channel": base.positive_channel, "above": base.positive_above},
    ]
    return seed + list(table.get("rules", []))


def _one_line(error: ValidationError) -> str:
    """Return the first fault as a line that names the variable and what is wrong."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    if not where:
        return message
    if where[0] in ("sources", "rules"):
        return f"FEEDBACK_CONFIG: {'.'.join(where)}: {message}"
    name = f"{PREFIX}{where[0].upper()}"
    shown = "" if name.removeprefix(PREFIX) in SECRETS else f" (it is {first['input']!r})"
    return f"{name}: {message}{shown}"
