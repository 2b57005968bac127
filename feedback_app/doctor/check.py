"""One thing that was looked at."""

from typing import NamedTuple


class Check(NamedTuple):
    """What was looked at, whether it is well (None: not needed here), and the way to mend it."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


def well(name: str, detail: str) -> Check:
    """Return a check that passed."""
    return Check(name, True, detail)


def ill(name: str, detail: str, remedy: str) -> Check:
    """Return a check that failed."""
    return Check(name, False, detail, remedy)


def skipped(name: str, detail: str) -> Check:
    """Return a check that does not apply."""
    return Check(name, None, detail)
