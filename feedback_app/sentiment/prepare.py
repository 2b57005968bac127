"""Prepares any string for a tokenizer: no lone surrogates, bounded length."""

from collections.abc import Callable

MAX_TOKENS = 256
"""Tokens of a text that reach the model, including special tokens."""

MAX_CHARACTERS = 4096
"""Truncation before tokenisation, so that a text of 100 kB costs no more than its first page."""

Normalise = Callable[[str], str]


def repair_surrogates(text: str) -> str:
    """Replace lone surrogates; surrogate pairs become one character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def prepare(text: str, normalise: Normalise | None = None) -> str:
    """Truncate the text, repair surrogates, and apply the model's normaliser if any."""
    text = repair_surrogates(text[:MAX_CHARACTERS])
    return text if normalise is None else normalise(text)[:MAX_CHARACTERS]
