"""Writes docs/configuration.md from the settings: python docs/render_configuration.py"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from feedback_app.settings import PREFIX, SECRETS, Rule, Settings, SourceOptions
from feedback_app.sources import registry

TARGET = Path(__file__).with_name("configuration.md")
IN_TOML = ("sources", "rules")

HEAD = """# Configuration

Written by `python docs/render_configuration.py` from `feedback_app/settings.py` and the
options of the source types.

Environment variables, also read from `.env` in the working directory. A variable marked ¹ is a
secret and can be given as a file: the same name with `_FILE`. Durations are `90s`, `15m`, `6h`,
`7d`. A wrong value stops the start with one line that says what to change.

"""


def render() -> str:
    """Return the page."""
    parts = [HEAD, "| variable | default | meaning |\n|---|---|---|\n"]
    for name, field in Settings.model_fields.items():
        if name not in IN_TOML:
            mark = " ¹" if name.upper() in SECRETS else ""
            parts.append(row(f"`{PREFIX}{name.upper()}`{mark}", field))
    parts.append("\n## The TOML file of `FEEDBACK_CONFIG`\n")
    parts += table("Keys of every `[[sources]]`", SourceOptions)
    for name in registry.BUILT_IN:
        title = f"Further keys of the type `{name}`"
        parts += table(title, registry.find(name).options, SourceOptions)
    parts += table("Keys of every `[[rules]]`", Rule)
    return "".join(parts)


def table(
    title: str, model: type[BaseModel], without: type[BaseModel] | None = None
) -> Iterator[str]:
    """Yield the table of a model's fields, but for those of another."""
    yield f"\n{title}\n\n| key | default | meaning |\n|---|---|---|\n"
    for name, field in model.model_fields.items():
        if without is None or name not in without.model_fields:
            yield row(f"`{name}`", field)


def row(name: str, field: Any) -> str:
    """Return a table row."""
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| {name} | {shown(field.default)} | {meaning} |\n"


def shown(value: object) -> str:
    """Return a default as one would write it."""
    if value is PydanticUndefined:
        return "needed"
    if value is None or value == ():
        return ""
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"`{hours:g}h`" if hours >= 1 else f"`{value.total_seconds():g}s`"
    return f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(render())
