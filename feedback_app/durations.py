"""Parses durations: `90s`, `15m`, `6h`, `7d`, or plain seconds."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_FORM = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """Return the seconds of a duration; raises ValueError with the accepted forms."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write 90s, 15m, 6h or 7d")
    return float(match[1]) * _SECONDS[match[2]]


def parse(value: object) -> object:
    """Return a setting's value as a timedelta; anything else is left to pydantic."""
    if isinstance(value, str) and _FORM.fullmatch(value):
        return timedelta(seconds=seconds_of(value))
    return timedelta(seconds=value) if isinstance(value, int | float) else value


Duration = Annotated[timedelta, BeforeValidator(parse)]
"""A setting that takes a duration."""
