"""The result of one check."""

from typing import NamedTuple


class Check(NamedTuple):
    """A check's name, its result (None: not applicable), what was found, and the remedy."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


def passed(name: str, detail: str) -> Check:
    """Return a check that passed."""
    return Check(name, True, detail)


def failed(name: str, detail: str, remedy: str) -> Check:
    """Return a check that failed."""
    return Check(name, False, detail, remedy)


def skipped(name: str, detail: str) -> Check:
    """Return a check that does not apply."""
    return Check(name, None, detail)
