"""Reads the settings: environment variables, `.env`, secret files, and the TOML file.

`[[sources]]` tables become the options of their source types here, so that everything after sees
typed sources. A wrong value stops the start with one line that says what to change.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from feedback_app.alerting.receivers.registry import channel_problem
from feedback_app.settings import PREFIX, SECRETS, ConfigurationError, Settings, SourceOptions
from feedback_app.slack.channel import checked
from feedback_app.sources import registry


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the environment.

    `environ` replaces the process environment and `.env`, for tests. Raises ConfigurationError
    with one line.
    """
    env = _dotenv() | dict(os.environ) if environ is None else dict(environ)
    given: dict[str, Any] = _secret_files(env) | {
        name: value for name in Settings.model_fields if (value := env.get(PREFIX + name.upper()))
    }
    table = _toml(given.get("config"))
    try:
        # Sources and rules of the environment need its checked values, so it is read alone first.
        plain = Settings.model_validate(given)
        _check_channels(plain)
        given["sources"] = parse_sources([*table.get("sources", []), *registry.seeds(plain)])
        given["rules"] = _rules(plain, table)
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None
    for number, rule in enumerate(settings.rules):
        if problem := channel_problem(rule.channel):
            raise ConfigurationError(f"FEEDBACK_CONFIG: rules.{number}.channel: {problem}")
    return settings


def parse_sources(rows: Sequence[Mapping[str, Any]]) -> list[SourceOptions]:
    """Return the options of `[[sources]]` tables; raises ConfigurationError with one line."""
    found = []
    for number, row in enumerate(rows):
        try:
            found.append(registry.options_of(row))
        except ConfigurationError as error:
            line = f"sources.{number}.type: source {row.get('id')}: {error}"
            raise ConfigurationError(f"FEEDBACK_CONFIG: {line}") from None
        except ValidationError as error:
            line = _source_line(number, row, error)
            raise ConfigurationError(f"FEEDBACK_CONFIG: {line}") from None
    return found


def _source_line(number: int, row: Mapping[str, Any], error: ValidationError) -> str:
    """Return the first error of a `[[sources]]` table: where it is, the source, what to change."""
    first = error.errors()[0]
    where = ".".join(map(str, ("sources", number, *first["loc"])))
    name, kind, key = row.get("id"), row.get("type"), first["loc"][-1] if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    if name is None or kind is None or message.startswith("source "):
        return f"{where}: {message}"
    if first["type"] == "missing":
        return f"{where}: source {name}: {kind} needs a {key}"
    if first["type"] == "extra_forbidden":
        keys = ", ".join(registry.find(kind).options.model_fields)
        found = f"source {name} of type {kind} has only {keys}"
        return f"{where}: Extra key, remove or rename it: {found}"
    return f"{where}: source {name}: {message}"


def _check_channels(plain: Settings) -> None:
    """Raise ConfigurationError for a channel of the environment that has no receiver's form."""
    named = [(name, getattr(plain, name)) for name in ("negative_channel", "positive_channel")]
    if plain.ops_channel is not None:
        named.append(("ops_channel", plain.ops_channel))
    for name, channel in named:
        if problem := channel_problem(channel):
            raise ConfigurationError(f"{PREFIX}{name.upper()}: {problem} (it is {channel!r})")
    for channel in plain.slack_channels:
        try:
            checked(channel)
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}SLACK_CHANNELS: {error}") from None


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


def _rules(base: Settings, table: dict[str, Any]) -> list[Any]:
    seed = [
        {"id": "negative", "channel": base.negative_channel, "below": base.negative_below},
        {"id": "positive", "channel": base.positive_channel, "above": base.positive_above},
    ]
    return seed + list(table.get("rules", []))


def _one_line(error: ValidationError) -> str:
    """Return the first error as a line that names the variable and what is wrong."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    if not where:
        return message
    if where[0] == "rules":
        return f"FEEDBACK_CONFIG: {'.'.join(where)}: {message}"
    name = f"{PREFIX}{where[0].upper()}"
    shown = "" if name.removeprefix(PREFIX) in SECRETS else f" (it is {first['input']!r})"
    return f"{name}: {message}{shown}"
