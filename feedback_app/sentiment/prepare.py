"""Makes any string fit for a tokenizer: no lone surrogates, bounded length."""

from collections.abc import Callable

MAX_TOKENS = 256
"""Tokens of a text that are looked at, with the special ones."""

MAX_CHARACTERS = 4096
"""Cut before tokenising, so that a text of 100 kB costs no more than its first page."""

Normalise = Callable[[str], str]


def prepare(text: str, normalise: Normalise | None = None) -> str:
    """Return the text cut, without lone surrogates, and normalised where the model wants it."""
    text = text[:MAX_CHARACTERS]
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            # Halves that belong together become the character that they stand for.
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text if normalise is None else normalise(text)[:MAX_CHARACTERS]
