"""X's ids, which carry the time of creation in their upper bits."""

EPOCH_MS = 1288834974657
_LOW_BITS = (1 << 22) - 1


def snowflake(seconds: float) -> int:
    """Return the smallest id that a post of that time (Unix seconds) can have."""
    return max(0, int(seconds * 1000) - EPOCH_MS) << 22


def seconds(snowflake_id: int) -> float:
    """Return the Unix seconds at which an id was made."""
    return ((snowflake_id >> 22) + EPOCH_MS) / 1000


def synthetic_id(seconds: float) -> int:
    """Return a cursor position for a time: every post from then on has a larger id."""
    return max(0, snowflake(seconds) - 1)


def is_synthetic(snowflake_id: int) -> bool:
    """Whether the id stands for a time and is not one of a post that was seen."""
    return snowflake_id & _LOW_BITS == _LOW_BITS
