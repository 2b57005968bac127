"""X's query language: the operators of recent search and stream rules used for feedback."""

import re
from collections.abc import Callable

from feedback_app.sandbox.x.state import Post

Match = Callable[[Post], bool]

_TOKEN = re.compile(r'\s*(-?)(?:(\()|"([^"]*)"|(\))|([^\s()"]+))')
_WORD = re.compile(r"\w+")
_ALONE_NOT_ALLOWED = ("is", "has", "lang")


class QueryError(ValueError):
    """X rejects the query; the message is the one it responds with."""


def compile_query(query: str) -> Match:
    """Compile a query into a predicate on posts; raises QueryError."""
    parser = _Parser(query)
    match = parser.any_of()
    if parser.tokens:
        raise QueryError("unbalanced parenthesis")
    if not parser.standalone:
        raise QueryError(
            "Rules must contain at least one positive, non-stopword clause that stands alone"
        )
    return match


class _Parser:
    def __init__(self, query: str) -> None:
        self.tokens = list(_tokens(query))[::-1]
        self.standalone = False

    def any_of(self) -> Match:
        options = [self.all_of()]
        while self.tokens and self.tokens[-1] == ("", "word", "OR"):
            self.tokens.pop()
            options.append(self.all_of())
        return lambda post: any(option(post) for option in options)

    def all_of(self) -> Match:
        parts = []
        while self.tokens and self.tokens[-1][1] != ")" and self.tokens[-1] != ("", "word", "OR"):
            parts.append(self.one())
        if not parts:
            raise QueryError("missing a clause")
        return lambda post: all(part(post) for part in parts)

    def one(self) -> Match:
        minus, kind, value = self.tokens.pop()
        if kind == "(":
            if minus:
                raise QueryError("negation of a group is not supported")
            inner = self.any_of()
            if not self.tokens or self.tokens.pop()[1] != ")":
                raise QueryError("unbalanced parenthesis")
            return inner
        match = _phrase(value) if kind == "phrase" else _term(value)
        name = value.partition(":")[0] if kind == "word" else ""
        if not minus and name not in _ALONE_NOT_ALLOWED:
            self.standalone = True
        return (lambda post: not match(post)) if minus else match


def _tokens(query: str) -> list[tuple[str, str, str]]:
    found, at = [], 0
    while at < len(query.rstrip()):
        token = _TOKEN.match(query, at)
        if token is None:
            raise QueryError(f"no viable alternative at character {query[at]!r}")
        minus, opening, phrase, closing, word = token.groups()
        if opening or closing:
            found.append((minus, opening or closing, ""))
        elif phrase is not None:
            found.append((minus, "phrase", phrase))
        else:
            found.append((minus, "word", word))
        at = token.end()
    return found


def _phrase(text: str) -> Match:
    words = _WORD.findall(text.lower())
    if not words:
        return lambda post: text.lower() in post.text.lower()

    def match(post: Post) -> bool:
        words_of_post = _WORD.findall(post.text.lower())
        return any(words_of_post[at : at + len(words)] == words for at in range(len(words_of_post)))

    return match


def _literal(text: str) -> Match:
    pattern = re.compile(re.escape(text) + r"(?!\w)", re.IGNORECASE)
    return lambda post: pattern.search(post.text) is not None


def _term(term: str) -> Match:
    if term[0] in "#@$":
        return _literal(term)
    name, colon, value = term.partition(":")
    value = value.lower().removeprefix("@")
    if not colon or not re.fullmatch(r"[a-z_]+", name) or value.startswith("//"):
        return _phrase(term)
    if name == "from":
        return lambda post: post.author.username.lower() == value
    if name == "to":
        return lambda post: post.to is not None and post.to.username.lower() == value
    if name == "lang":
        return lambda post: post.lang == value
    if name == "url":
        return lambda post: any(value in link.lower() for link in links(post.text))
    if name == "conversation_id":
        return lambda post: str(post.history[0]) == value
    if name == "is" and value in _IS:
        return _IS[value]
    if name == "has" and value in _HAS:
        return _HAS[value]
    raise QueryError(
        f"Reference to invalid operator '{term}'. Operator is not available in current product "
        "or product packaging. Please refer to complete available operator list"
    )


def links(text: str) -> list[str]:
    """Return the web addresses in a text."""
    return re.findall(r"https?://\S+", text)


def _no(_: Post) -> bool:
    return False


_IS: dict[str, Match] = {
    "reply": lambda post: post.to is not None,
    "retweet": _no,
    "quote": _no,
    "verified": _no,
    "nullcast": _no,
}
_HAS: dict[str, Match] = {
    "links": lambda post: bool(links(post.text)),
    "hashtags": lambda post: re.search(r"#\w", post.text) is not None,
    "mentions": lambda post: re.search(r"@\w", post.text) is not None,
    "media": _no,
    "images": _no,
}
