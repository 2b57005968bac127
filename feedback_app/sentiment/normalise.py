"""Normalises text from X and Slack for an English WordPiece tokenizer.

Pure and total: accepts any `str`. The bundled model was trained on text normalised by this
function, so a change here requires retraining.
"""

import re
import unicodedata
from functools import lru_cache
from html import unescape

from feedback_app.sentiment.prepare import repair_surrogates

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SLACK = re.compile(r"<([@#!])?([^<>\s|][^<>|]*)(?:\|([^<>]*))?>")
_LINK = re.compile(r"\b(?:https?://\S+|www\.\w\S+)|\bhttps?\b", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_USER = re.compile(r"@\w+")
_USERS = re.compile(r"(?:@user[\s,]*){2,}")
_HASHTAG = re.compile(r"#(\w+)")
# camelCase, an acronym before a word, and the boundary between letters and digits.
_WORD_BOUNDARY = re.compile(
    r"(?<=[a-z]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Z])"
)
_SHORTCODE = re.compile(r"(?<![\w:]):([a-z][a-z0-9_+-]{1,40}|x|[+-]1|100):(?::skin-tone-\d:)?")
_MARKUP = re.compile(r"(?<!\w)([*_~`]{1,3})(?=[^\s*_~`])(.{0,200}?)(?<=[^\s*_~`])\1(?!\w)")
_LETTERS = re.compile(r"([a-zA-Z])\1{2,}")
_MARKS = re.compile(r"([^\w\s])\1{3,}")
_ELONGATED = re.compile(r"\b\w*(?:oo|ee|aa|ss|yy|vv|tt|uu|ii|dd|kk|hh)\w*\b")
_EMOTICON = re.compile(
    r"(?<!\w)(?:(?P<laugh>[:;=x]-?D+\b|X-?D\b)|(?P<tongue>[:;=]-?[pP]\b)|(?P<wink>;-?\)+)"
    r"|(?P<smile>[:=]['’]?-?[)\]]+|\(:|\^_?\^)|(?P<cry>[:=]['’]-?\(+|T_T\b|;_;)"
    r"|(?P<sad>[:=]-?[(\[]+|\):)|(?P<doubt>[:=]-?[/\\|](?!/))|(?P<broken></3)|(?P<heart><3+)"
    r"|(?P<annoyed>-_+-))"
)
_EMOTICON_WORDS = {
    "laugh": " laughing face ",
    "tongue": " playful face ",
    "wink": " winking face ",
    "smile": " smiling face ",
    "cry": " crying face ",
    "sad": " sad face ",
    "doubt": " doubtful face ",
    "broken": " broken heart ",
    "heart": " love heart ",
    "annoyed": " annoyed face ",
}

# Words often elongated, keyed by the form left when runs of three or more letters are cut to two.
_STRETCHABLE = (
    "so no yes yeah love loved please hey why hate ugh omg wow nice great amazing awesome bad "
    "sad wtf lol very really boring slow late long best worst ever never what same this shit "
    "damn haha yay okay hi bye thanks thank you me it not just now"
)
_STRETCHED = {
    two: word
    for word in _STRETCHABLE.split()
    for two in {
        word[:i] + char + word[i:] for i, char in enumerate(word) if char in "aeiouysvtdkhmpw"
    }
    if "ss" not in word
}

# Simpler words than the Unicode names, for the emoji most common in feedback.
_PLAIN = {
    "👍": "thumbs up",
    "👎": "thumbs down",
    "👌": "okay hand",
    "🙏": "praying hands",
    "🙌": "raised hands celebrating",
    "👏": "clapping hands",
    "💪": "strong",
    "🔥": "fire",
    "💯": "hundred percent",
    "🎉": "party celebrating",
    "🚀": "rocket",
    "✅": "check mark done",
    "❌": "cross mark failed",
    "✨": "sparkles",
    "⭐": "star",
    "❤": "love heart",
    "♥": "love heart",
    "💔": "broken heart",
    "💩": "poop",
    "🤡": "clown",
    "💀": "skull",
    "🤮": "vomiting face",
    "🤢": "sick face",
    "🙄": "rolling eyes",
    "🤦": "facepalm",
    "🤷": "shrug",
    "😂": "laughing with tears of joy",
    "🤣": "rolling on the floor laughing",
    "😭": "loudly crying face",
    "😍": "heart eyes love",
    "🥰": "smiling face with hearts",
    "😡": "angry face",
    "🤬": "swearing angry face",
    "😤": "frustrated face",
    "😩": "weary face",
    "😒": "annoyed face",
    "🙃": "upside down face",
    "🖕": "middle finger",
    "🐛": "bug",
    "⚠": "warning",
    "🚨": "alarm",
}
_SHORTCODE_WORDS = {
    "+1": "thumbs up",
    "thumbsup": "thumbs up",
    "-1": "thumbs down",
    "thumbsdown": "thumbs down",
    "tada": "party celebrating",
    "pray": "praying hands",
    "clap": "clapping hands",
    "100": "hundred percent",
    "joy": "laughing with tears of joy",
    "sob": "loudly crying face",
    "rage": "angry face",
    "heart": "love heart",
    "heart_eyes": "heart eyes love",
    "white_check_mark": "check mark done",
    "x": "cross mark failed",
    "facepalm": "facepalm",
    "roll_eyes": "rolling eyes",
    "face_with_rolling_eyes": "rolling eyes",
    "slightly_smiling_face": "smiling face",
    "slightly_frowning_face": "sad face",
    "disappointed": "disappointed face",
    "cry": "crying face",
    "smile": "smiling face",
    "grinning": "grinning face",
    "hankey": "poop",
    "bug": "bug",
}
_PUNCTUATION = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "…": "...",
        "–": "-",
        "—": " - ",
        "\u00a0": " ",
        "\u200b": "",
        "\u200d": "",
        "\ufe0f": "",
        "\ufe0e": "",
        "\x00": " ",
    }
)
# Symbols, their modifiers (skin tones) and the halves of flags.
_SYMBOL = re.compile("([\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])(?:\\s*\\1)*")
_DROPPED = re.compile("[\U0001f3fb-\U0001f3ff]|[♀♂]")


@lru_cache(maxsize=4096)
def _symbol_words(symbol: str) -> str:
    plain = _PLAIN.get(symbol)
    if plain is None:
        plain = unicodedata.name(symbol, "symbol").lower().replace("-", " ")
        plain = plain.removesuffix(" sign").removesuffix(" symbol")
        plain = plain.removeprefix("regional indicator symbol ")
    return f" {plain} "


def _slack(match: re.Match[str]) -> str:
    kind, target, label = match.groups()
    if kind == "#":
        return "#" + (label or "channel")
    if kind == "@":
        return "@user"
    if kind == "!":
        return label or "@user"
    if "://" in target or target.startswith("mailto:"):
        return f"{label} http" if label and "://" not in label else "http"
    return match.group()


def _hashtag(match: re.Match[str]) -> str:
    return "# " + _WORD_BOUNDARY.sub(" ", match[1]).replace("_", " ")


def _shortcode(match: re.Match[str]) -> str:
    name = match[1]
    return f" {_SHORTCODE_WORDS.get(name) or name.replace('_', ' ').replace('-', ' ')} "


def _emoticon(match: re.Match[str]) -> str:
    return _EMOTICON_WORDS[match.lastgroup or "smile"]


def _stretched(match: re.Match[str]) -> str:
    return _STRETCHED.get(match.group().lower(), match.group())


def normalise(text: str) -> str:
    """Replace emoji, users, links, hashtags, Slack markup and elongations with plain words.

    Letter case is kept; the tokenizer handles it. Never raises.
    """
    if "\\" in text:
        # An emoji is escaped as a surrogate pair; half of one is not a character.
        text = repair_surrogates(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)).replace(
            '\\""', '"'
        )
    if "```" in text:
        text = _FENCE.sub(" code ", text)
    if "<" in text:
        text = _SLACK.sub(_slack, text)
    if "&" in text:
        text = unescape(text)
    if not text.isascii():
        text = text.translate(_PUNCTUATION)
        text = _DROPPED.sub("", text)
        text = _SYMBOL.sub(lambda match: _symbol_words(match[1]), text)
    if "http" in text or "www." in text or "HTTP" in text:
        text = _LINK.sub("http", text)
    if "@" in text:
        text = _EMAIL.sub("email", text)
        text = _USERS.sub("@user ", _USER.sub("@user", text))
    if "#" in text:
        text = _HASHTAG.sub(_hashtag, text)
    if ":" in text:
        text = _SHORTCODE.sub(_shortcode, text)
    text = _EMOTICON.sub(_emoticon, text)
    if "*" in text or "_" in text or "~" in text or "`" in text:
        text = _MARKUP.sub(r"\2", text)
    if _LETTERS.search(text):
        text = _ELONGATED.sub(_stretched, _LETTERS.sub(r"\1\1", text))
    text = _MARKS.sub(r"\1\1\1", text)
    return " ".join(text.split())
