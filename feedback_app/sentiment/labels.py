"""Maps the classes of a Hugging Face classifier to sentiment, from its configuration.

| model classes | negative | neutral | positive |
|---|---|---|---|
| three (negative, neutral, positive, in any order) | unchanged | unchanged | unchanged |
| two (negative, positive) | unchanged | always 0 | unchanged |
| five stars | 1 and 2 stars | 3 stars | 4 and 5 stars |

Probabilities of classes that map to the same sentiment are summed. A two-class model never returns
neutral, but a text that it is undecided about still scores about 0.5.
"""

import re
from collections.abc import Mapping
from typing import Any

from feedback_app.sentiment.classifier import ModelError

NEGATIVE, NEUTRAL, POSITIVE = range(3)

_CLASS_OF_LABEL = {
    "negative": NEGATIVE,
    "neg": NEGATIVE,
    "very negative": NEGATIVE,
    "neutral": NEUTRAL,
    "neu": NEUTRAL,
    "positive": POSITIVE,
    "pos": POSITIVE,
    "very positive": POSITIVE,
}
_STARS = re.compile(r"([1-5])\s*stars?|stars?\s*([1-5])")
_SUPPORTED = {
    2: [NEGATIVE, POSITIVE],
    3: [NEGATIVE, NEUTRAL, POSITIVE],
    5: [NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE],
}

# Models that define LABEL_0, LABEL_1, … in their card but not in their configuration.
_LABELS_OF_MODEL = {
    "cardiffnlp/twitter-roberta-base-sentiment": ("negative", "neutral", "positive")
}


def _class_of(label: str) -> int | None:
    words = re.sub(r"[\s_\-]+", " ", label).strip().casefold()
    stars = _STARS.fullmatch(words)
    if stars:
        count = int(stars[1] or stars[2])
        return NEUTRAL if count == 3 else NEGATIVE if count < 3 else POSITIVE
    return _CLASS_OF_LABEL.get(words)


def read_labels(config: Mapping[str, Any], model: str) -> list[int]:
    """Return the sentiment class (0, 1 or 2) of each output of the model.

    Args:
        config: the model's `config.json`.
        model: its name, for messages and for the few models known by name.

    Raises:
        ModelError: the classes are unknown, or not two, three or five stars.
    """
    id2label = config.get("id2label")
    if model in _LABELS_OF_MODEL:
        id2label = dict(enumerate(_LABELS_OF_MODEL[model]))
    if not isinstance(id2label, Mapping) or not id2label:
        raise ModelError(f"model {model}: config.json has no id2label that names its classes")
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ModelError(
            f"model {model}: problem_type is {config['problem_type']!r}; "
            "only a classifier with one class a text can be used"
        )
    try:
        labels = {int(index): str(label) for index, label in id2label.items()}
    except ValueError:
        raise ModelError(f"model {model}: the keys of id2label are not numbers") from None
    if sorted(labels) != list(range(len(labels))):
        raise ModelError(f"model {model}: id2label does not number its classes from 0")
    classes = [_class_of(labels[index]) for index in range(len(labels))]
    known = [known_class for known_class in classes if known_class is not None]
    if len(known) < len(classes):
        unknown = ", ".join(repr(labels[i]) for i, c in enumerate(classes) if c is None)
        raise ModelError(
            f"model {model}: cannot tell what the classes {unknown} mean; name them in id2label "
            "as negative, neutral and positive, negative and positive, or 1 star to 5 stars"
        )
    if sorted(known) != _SUPPORTED.get(len(known)) or len(set(labels.values())) < len(labels):
        raise ModelError(
            f"model {model}: its {len(labels)} classes ({', '.join(labels.values())}) are neither "
            "three of sentiment, nor two, nor five stars"
        )
    return known
