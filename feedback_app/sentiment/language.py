"""Which language a text is in, said only when it is clear."""

import unicodedata
from collections import Counter
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

MIN_CONFIDENCE = 0.95
MIN_LETTERS = 20
"""Of a text in Latin letters; fewer are guessed wrongly too often."""

MIN_FOREIGN_LETTERS = 4
"""Of a text in another script, which no English text is written in."""

# The identifier takes dates and names in plain English for it.
_CONFUSED = frozenset({"pcm"})

_DIALECTS = {
    "ary": "ar",
    "arz": "ar",
    "azb": "az",
    "ckb": "ku",
    "nb": "no",
    "nn": "no",
    "wuu": "zh",
    "yue": "zh",
}

# X writes three codes in an old form, and `und` and the q… codes for "none that we know".
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}
_UNKNOWN = frozenset({"und", "zxx", "art"})


@cache
def load() -> LanguageIdentifier:
    """Load the identifier, which takes half a second once a process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def tagged(lang: str | None) -> str | None:
    """Return the ISO 639-1 code of a language tag as X gives it, or None if it names none."""
    if not lang:
        return None
    code = lang.strip().lower().replace("_", "-").split("-")[0]
    if code in _UNKNOWN or (len(code) == 3 and code.startswith("q")):
        return None
    return _OLD_CODES.get(code, code)


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code of the language of a text, or None where it is not clear.

    Short texts and those that mix languages are not clear.
    """
    # Drawn letters such as 𝐀 and Ａ become plain ones; lone surrogates, which the identifier does
    # not bear, a question mark.
    text = unicodedata.normalize("NFKC", text[:2000]).encode("utf-8", "replace").decode()
    letters = [letter for letter in text if letter.isalpha()]
    scripts = Counter(_script(letter) for letter in letters)
    latin = scripts.pop("LATIN", 0)
    foreign = sum(scripts.values())
    other_script = foreign >= MIN_FOREIGN_LETTERS and foreign > latin
    if not other_script and latin < MIN_LETTERS:
        return None
    found, confidence = load().classify(text)
    code = _DIALECTS.get(found, str(found))
    if code in _CONFUSED or code in _UNKNOWN:
        return None
    if other_script:
        return None if code == "en" else code
    return code if confidence >= MIN_CONFIDENCE else None


def language_of(text: str, lang: str | None) -> str | None:
    """Return the language that the source names, else the one that the text is clearly in."""
    return tagged(lang) or detect(text)


def can_score(languages: frozenset[str] | None, language: str | None) -> bool:
    """Tell whether a classifier for `languages` (None: any) should score text in `language`.

    Text of unknown language is scored.
    """
    return languages is None or language is None or language in languages


@cache
def _script(letter: str) -> str:
    """Return the first word of the letter's Unicode name, such as LATIN, CYRILLIC or CJK."""
    return unicodedata.name(letter, "UNKNOWN").split()[0]
