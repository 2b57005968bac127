"""Durations as users write them, in settings and on the command line."""

from datetime import timedelta

import pytest

from feedback_app.durations import parse, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("6h", 21600), ("7d", 604800), ("90", 90), ("1.5h", 5400)],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1h", "6 h", "1w", "1h30m", "soon"])
def test_anything_else_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s, 15m, 6h or 7d"):
        seconds_of(text)
    assert parse(text) == text, "left to the settings' own message"


def test_numbers_of_a_toml_file_are_seconds() -> None:
    assert parse(2) == timedelta(seconds=2)
    assert parse(0.5) == timedelta(seconds=0.5)
