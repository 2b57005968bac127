"""Makes any string fit for a tokenizer: no lone surrogates, bounded length."""

from collections.abc import Callable

MAX_TOKENS = 256
"""Tokens of a text that are looked at, with the special ones."""

MAX_CHARACTERS = 4096
"""Cut before tokenising, so that a text of 100 kB costs no more than its first page."""

Normalise = Callable[[str], str]


def whole(text: str) -> str:
    """Return the text without lone surrogates; halves that belong together become one character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def prepare(text: str, normalise: Normalise | None = None) -> str:
    """Return the text cut, without lone surrogates, and normalised where the model wants it."""
    text = whole(text[:MAX_CHARACTERS])
    return text if normalise is None else normalise(text)[:MAX_CHARACTERS]
