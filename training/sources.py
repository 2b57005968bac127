"""Which data sets are trained on, how much of each, and how much each weighs."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from training.data import Example

GROUPS: Mapping[str, tuple[str, ...]] = {
    "developer": ("se-github", "se-stackoverflow", "github-emotion"),
    "products": ("airline", "brands-products", "twitter-entity", "acl14-targets"),
    "reviews": (
        "dynasent-r1",
        "vader-amazon",
        "semeval14-laptop",
        "app-stars",
        "customer-reviews",
        "sst5",
    ),
    "general": ("goemotions", "tweet-extraction", "gop-debate", "vader-tweets"),
}
"""Sources that are left out together: a source is unseen only if its like are unseen too."""


def family(source: str) -> str:
    """Return the name under which a source is capped and balanced: the SemEval tweets are one."""
    return "semeval-tweets" if source.startswith("semeval201") else source


@dataclass(frozen=True)
class Mixture:
    """How much of each source is trained on.

    Attributes:
        caps: at most so many texts of a source.
        weights: factor on the loss of a source; 1 where none is given.
        share: of what the caps leave, this share is taken of every source, for short runs.
        seed: decides which texts are taken.
    """

    caps: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    share: float = 1.0
    seed: int = 0


def expanded(names: Iterable[str]) -> frozenset[str]:
    """Return the sources of the given groups and sources."""
    return frozenset(source for name in names for source in GROUPS.get(name, (name,)))


def grouped(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Return the examples of each source (see `family`), in their order."""
    found: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[family(example.source)].append(example)
    return dict(found)


def mixed(
    examples: Iterable[Example], mixture: Mixture, left_out: Collection[str] = ()
) -> list[Example]:
    """Return the training text: sources left out, the others capped, the choice by the seed."""
    chosen = []
    for source, all_of_it in sorted(grouped(examples).items()):
        if source in left_out:
            continue
        count = min(len(all_of_it), mixture.caps.get(source, len(all_of_it)))
        rng = random.Random(f"{source} {mixture.seed}")  # noqa: S311
        chosen += rng.sample(all_of_it, round(count * mixture.share))
    return chosen


def weights_of(examples: Sequence[Example], mixture: Mixture) -> list[float]:
    """Return the weight of each example in the loss."""
    return [mixture.weights.get(family(example.source), 1.0) for example in examples]
