"""The recipes: what `make train` runs, and the variants that leaving sources out compares."""

from dataclasses import replace

from training.data import OWN
from training.loop import Plan
from training.runs import OVERALL, Recipe
from training.sources import GROUPS, Mixture

VOCABULARY = 10_600
POSITIONS = 256

_LARGE = {
    "goemotions": 12_000,
    "tweet-extraction": 8_000,
    "airline": 6_000,
    "app-stars": 4_500,
    "twitter-entity": 4_000,
    "gop-debate": 3_000,
}
"""Caps of the sources that would drown the others."""

_WEAK = dict.fromkeys(("twitter-entity", "acl14-targets", "github-emotion", "app-stars"), 0.5)
"""Weights of the sources whose labels are of something else than the text's own tone."""

VOCABULARY_TEXT = Mixture(_LARGE)
"""What the vocabulary is cut by."""

_IN_TRAIN = ("sst5", "customer-reviews")
TWEETS = Mixture(
    {source: 0 for group in GROUPS.values() for source in group if source not in _IN_TRAIN}
)
"""The text of `train.jsonl` alone: the SemEval tweets and two sets of reviews."""

EVERYTHING = Mixture(_LARGE | {"semeval-tweets": 20_000}, _WEAK)
"""Text of all sources; the first two runs have seen the other tweets already."""

_PLAN = Plan(epochs=2, batch=64, peak=1.5e-4, layer_decay=0.9, dropout=0.1, seed=100, average=0.999)

WARM_UP = Recipe(_PLAN, TWEETS, OVERALL, noise=0.75)
"""The first run, on the labels of `train.jsonl`."""

TWEET_STUDENT = Recipe(replace(_PLAN, peak=1e-4, seed=1), TWEETS, OVERALL, noise=0.75)
"""The second, on the same text with the recorded outputs of its teachers."""

_LAST = Plan(epochs=1, batch=128, peak=1.6e-4, layer_decay=0.9, dropout=0.1, seed=1, average=0.998)

STUDENTS = tuple(
    Recipe(replace(_LAST, seed=seed), replace(EVERYTHING, seed=seed), smoothing=0.1)
    for seed in (1, 2)
)
"""From it, on all sources, each with its own choice of the texts."""

FINALS = tuple(
    Recipe(
        replace(_LAST, seed=seed, peak=8e-5),
        replace(EVERYTHING, seed=seed, share=0.4, weights=_WEAK | {OWN: 2.0}),
        smoothing=0.1,
    )
    for seed in (3, 4)
)
"""From the mean of the weights of those, once more; the mean of these is shipped."""

_SHORT = Plan(epochs=1, batch=64, peak=1.5e-4, layer_decay=0.9, dropout=0.1, seed=1, average=0.998)
_SHORT_TEXT = Mixture(_LARGE, share=0.3)

VARIANTS = {
    "by-source": Recipe(_SHORT, _SHORT_TEXT),
    "overall": Recipe(_SHORT, _SHORT_TEXT, OVERALL),
    "smoothed-weak": Recipe(_SHORT, replace(_SHORT_TEXT, weights=_WEAK), smoothing=0.1),
}
"""Short runs from the base that differ in little, compared on the sources that they leave out."""
