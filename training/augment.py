"""Label-preserving noise on the training text of the student."""

import random
import re
from collections.abc import Callable

_HASHTAG = re.compile(r"# (\w+(?: \w+)?)")
_FILLERS = ("lol", "haha", "omg", "tbh", "imo", "btw", "smh", "honestly", "seriously")
_KEPT = "no not never none nothing nobody without hardly barely cannot but however except despite"
_NEGATIONS = frozenset(_KEPT.split())

Noise = Callable[[str, random.Random], str]


def drop_words(text: str, rng: random.Random) -> str:
    """Drop about one word in twelve, never a negation or a contrast."""
    words = text.split()
    kept = [
        word
        for word in words
        if rng.random() > 0.08 or word.lower() in _NEGATIONS or word.lower().endswith("n't")
    ]
    return " ".join(kept) if kept else text


def mistype(text: str, rng: random.Random) -> str:
    """Swap two letters or drop one in up to two words."""
    words = text.split()
    for _ in range(rng.randint(1, 2)):
        index = rng.randrange(len(words)) if words else 0
        if not words or len(words[index]) < 5 or not words[index].isalpha():
            continue
        word, at = words[index], rng.randrange(1, len(words[index]) - 2)
        if rng.random() < 0.5:
            words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        else:
            words[index] = word[:at] + word[at + 1 :]
    return " ".join(words)


def move_user(text: str, rng: random.Random) -> str:
    """Add a user name, or remove the leading one."""
    if text.startswith("@user "):
        return text[6:]
    return f"@user {text}" if rng.random() < 0.7 else f"{text} @user"


def change_marks(text: str, rng: random.Random) -> str:
    """Change the punctuation at the end, never to or from a question."""
    stripped = text.rstrip(" .!")
    if stripped.endswith("?"):
        return text
    return stripped + rng.choice(("", ".", "!", "...", " http", "!!"))


def join_hashtags(text: str, rng: random.Random) -> str:
    """Write a hashtag without its mark, or without its spaces."""
    if rng.random() < 0.5:
        return _HASHTAG.sub(r"\1", text)
    return _HASHTAG.sub(lambda match: "#" + match[1].replace(" ", "").lower(), text)


def add_filler(text: str, rng: random.Random) -> str:
    """Put a filler before the text."""
    return f"{rng.choice(_FILLERS)} {text}"


def drop_apostrophes(text: str, rng: random.Random) -> str:
    """Write dont for don't."""
    return text.replace("'", "")


_NOISES: tuple[tuple[float, Noise], ...] = (
    (0.35, drop_words),
    (0.12, mistype),
    (0.15, move_user),
    (0.20, change_marks),
    (0.30, join_hashtags),
    (0.03, add_filler),
    (0.05, drop_apostrophes),
)
"""Probability and function, in the order of application."""


def augment(text: str, rng: random.Random) -> str:
    """Return a normalised text with noise, each kind applied with its own probability."""
    for probability, noise in _NOISES:
        if rng.random() < probability:
            text = noise(text, rng)
    return text
