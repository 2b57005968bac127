"""Escapes text from outside for Slack's markup and cuts it to its limits. Pure.

Lengths are in UTF-16 units, as Slack's own clients count: never less than its servers do.
"""

import re

ELLIPSIS = "…"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What can hide or reverse text: control characters and changes of direction."""
LINK = re.compile(r"https?://[^\s<>|\"\x00-\x1f\x7f]+")
LINK_UNITS = 1000
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def units(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def escape(text: str, limit: int) -> str:
    """Return text in which nothing is a mention, a link or a command, of at most `limit` units."""
    clean = CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    clean = clean[: limit + 1].encode("utf-8", "replace").decode().strip()
    whole = clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if units(whole) <= limit:
        return whole
    parts, used = [], 0
    for character in clean:
        part = ENTITIES.get(character, character)
        used += units(part)
        parts.append(part)
        if used > limit:
            break
    return _cut(parts, used, limit)


def _cut(parts: list[str], used: int, limit: int) -> str:
    while used > limit - len(ELLIPSIS):
        used -= units(parts.pop())
    return "".join(parts).rstrip() + ELLIPSIS


def one_line(text: str, limit: int) -> str:
    """Return escaped text without line breaks, of at most `limit` units."""
    return escape(" ".join(text[: 2 * limit].split()), limit)


def link(url: str | None, label: str, limit: int = LINK_UNITS) -> str | None:
    """Return a link in Slack's markup, or None where the address is invalid or too long.

    `label` must be escaped already; `limit` is in units for the whole link.
    """
    if url is None or not LINK.fullmatch(url):
        return None
    made = f"<{url.replace('&', '&amp;')}|{label}>"
    return made if units(made) <= limit and made.isprintable() else None
