"""Stalls of the sentiment stage, from the observed `raw` and `stats` topics; pure."""

from bisect import bisect_left
from typing import NamedTuple

from chaos.observed import TopicContents

LONGER_THAN_S = 1.0


class Stall(NamedTuple):
    """A time in which a partition with records made no progress, in monotonic seconds."""

    partition: int
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.end - self.begin


def stalls(topics: TopicContents) -> list[Stall]:
    """Return every stall longer than `LONGER_THAN_S`."""
    arrivals: dict[int, list[tuple[int, float]]] = {}
    for (partition, offset), (_, at) in sorted(topics.raw.items()):
        arrivals.setdefault(partition, []).append((offset, at))
    found = []
    for partition, steps in topics.progress.items():
        arrived = arrivals.get(partition, [])
        offsets = [offset for offset, _ in arrived]
        reached, last = -1, float("-inf")
        for at, offset in steps:
            if offset <= reached:
                continue
            oldest = bisect_left(offsets, reached + 1)
            begin = max(last, arrived[oldest][1]) if oldest < len(arrived) else at
            if at - begin > LONGER_THAN_S:
                found.append(Stall(partition, begin, at))
            reached, last = offset, at
    return found


def longest(found: list[Stall]) -> float:
    """Return the longest in seconds, 0 where there is none."""
    return max((one.seconds for one in found), default=0.0)
