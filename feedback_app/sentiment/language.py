"""Language detection; returns a language only with high confidence."""

import unicodedata
from collections import Counter
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

MIN_CONFIDENCE = 0.95
MIN_LETTERS = 20
"""Minimum for a text in Latin script; shorter texts are misdetected too often."""

MIN_FOREIGN_LETTERS = 4
"""Minimum for a text in another script, which cannot be English."""

# The model misdetects dates and names in English text as Nigerian Pidgin.
_CONFUSED = frozenset({"pcm"})

_MACROLANGUAGES = {
    "ary": "ar",
    "arz": "ar",
    "azb": "az",
    "ckb": "ku",
    "nb": "no",
    "nn": "no",
    "wuu": "zh",
    "yue": "zh",
}

# X uses three deprecated codes, and `und` and the q… codes for "unknown".
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}
_UNKNOWN = frozenset({"und", "zxx", "art"})


@cache
def load() -> LanguageIdentifier:
    """Load the language model, which takes half a second, once per process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def tag_language(lang: str | None) -> str | None:
    """Return the ISO 639-1 code of a language tag from X, or None if it names no language."""
    if not lang:
        return None
    code = lang.strip().lower().replace("_", "-").split("-")[0]
    if code in _UNKNOWN or (len(code) == 3 and code.startswith("q")):
        return None
    return _OLD_CODES.get(code, code)


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code of the language of a text, or None if it is uncertain.

    Short texts and texts that mix languages are uncertain.
    """
    # Maps letters such as 𝐀 and Ａ to plain ones, and lone surrogates, on which the model fails, to
    # question marks.
    text = unicodedata.normalize("NFKC", text[:2000]).encode("utf-8", "replace").decode()
    letters = [letter for letter in text if letter.isalpha()]
    scripts = Counter(_script(letter) for letter in letters)
    latin = scripts.pop("LATIN", 0)
    foreign = sum(scripts.values())
    other_script = foreign >= MIN_FOREIGN_LETTERS and foreign > latin
    if not other_script and latin < MIN_LETTERS:
        return None
    found, confidence = load().classify(text)
    code = _MACROLANGUAGES.get(found, str(found))
    if code in _CONFUSED or code in _UNKNOWN:
        return None
    if other_script:
        return None if code == "en" else code
    return code if confidence >= MIN_CONFIDENCE else None


def language_of(text: str, lang: str | None) -> str | None:
    """Return the language given by the source, else the detected one."""
    return tag_language(lang) or detect(text)


def can_score(languages: frozenset[str] | None, language: str | None) -> bool:
    """Return whether a classifier for `languages` (None: any) should score text in `language`.

    Texts of unknown language are scored.
    """
    return languages is None or language is None or language in languages


@cache
def _script(letter: str) -> str:
    """Return the first word of the letter's Unicode name, such as LATIN, CYRILLIC or CJK."""
    return unicodedata.name(letter, "UNKNOWN").split()[0]
