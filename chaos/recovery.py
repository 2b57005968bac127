"""How long work stood still, from what was seen of `raw` and of its accounts; pure."""

from bisect import bisect_left
from typing import NamedTuple

from chaos.seen import Topics


class StallDetector(NamedTuple):
    """A time in which a partition had records and made no progress, in monotonic seconds."""

    partition: int
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.begin


def standstills(topics: Topics, longer_than: float = 1.0) -> list[StallDetector]:
    """Return every time without progress that lasted longer than so many seconds."""
    arrivals: dict[int, list[tuple[int, float]]] = {}
    for (partition, offset), (_, at) in sorted(topics.raw.items()):
        arrivals.setdefault(partition, []).append((offset, at))
    found = []
    for partition, steps in topics.progress.items():
        came = arrivals.get(partition, [])
        offsets = [offset for offset, _ in came]
        reached, last = -1, float("-inf")
        for at, offset in steps:
            if offset <= reached:
                continue
            oldest = bisect_left(offsets, reached + 1)
            begin = max(last, came[oldest][1]) if oldest < len(came) else at
            if at - begin > longer_than:
                found.append(StallDetector(partition, begin, at))
            reached, last = offset, at
    return found


def longest(found: list[StallDetector]) -> float:
    """Return the longest in seconds, 0 where there is none."""
    return max((one.seconds for one in found), default=0.0)
