"""Kind and terms of each data set, for the model card."""

_WITH_TRAIN = "not stated; used for research, as all of it"

KINDS_AND_TERMS: dict[str, tuple[str, str]] = {
    "semeval-tweets": ("tweets 2013 to 2016, SemEval tasks", _WITH_TRAIN),
    "sst5": ("film review sentences, five classes folded", _WITH_TRAIN),
    "customer-reviews": ("camera and other product reviews, no neutral", _WITH_TRAIN),
    "airline": ("tweets to airlines 2015, crowd", "CC BY-NC-SA 4.0: research use"),
    "brands-products": ("tweets about products at SXSW 2011, crowd", "not stated"),
    "twitter-entity": ("tweets about brands and games, label towards the brand", "not stated"),
    "acl14-targets": ("tweets about products and people, label towards them", "research use"),
    "se-github": ("pull requests and commits, three raters", "research use"),
    "se-stackoverflow": ("Stack Overflow, three raters (Senti4SD)", "MIT, posts CC BY-SA"),
    "github-emotion": ("GitHub 2021, emotions folded; noisy", "not stated"),
    "dynasent-r1": ("review sentences hard for a model, five raters", "CC BY 4.0"),
    "vader-tweets": ("tweets, twenty raters", "MIT"),
    "vader-amazon": ("review sentences, twenty raters", "MIT"),
    "semeval14-laptop": ("laptop review sentences; neutral is noisy", "research use"),
    "app-stars": ("Google Play reviews by stars: weak, no neutral", "not stated"),
    "goemotions": ("Reddit comments, 27 emotions folded", "Apache-2.0"),
    "tweet-extraction": ("general tweets 2009", "CC BY 4.0"),
    "gop-debate": ("politics tweets, August 2015, crowd", "not stated"),
}
"""By the name that `sources.family` gives."""
