"""Every text of the page can be read, in the light and in the dark: WCAG AA, 4.5 to 1."""

import re

import pytest

from feedback_app.web.server import STATIC

LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
    for block in re.findall(r":root \{(.*?)\n *\}", (STATIC / "app.css").read_text(), re.S)[:2]
)
PAIRS = [
    ("ink", "page"),
    ("ink", "panel"),
    ("muted", "page"),
    ("muted", "panel"),
    ("muted", "soft"),
    ("accent", "panel"),
    ("accent-ink", "accent"),
    ("negative", "panel"),
    ("positive", "panel"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("good", "panel"),
    ("warn", "panel"),
    ("bad", "panel"),
]


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(theme: dict[str, str], text: str, ground: str) -> None:
    assert contrast(theme[text], theme[ground]) >= 4.5
