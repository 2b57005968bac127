"""What the classes of a Hugging Face classifier mean, read from its configuration.

| classes of the model | negative | neutral | positive |
|---|---|---|---|
| three (negative, neutral, positive, in any order) | as they are | as they are | as they are |
| two (negative, positive) | as it is | always 0 | as it is |
| five stars | 1 and 2 stars | 3 stars | 4 and 5 stars |

Probabilities of classes that fold into one are added. A two-class model never says neutral, but a
text that it is undecided about still scores about 0.5.
"""

import re
from collections.abc import Mapping
from typing import Any

from feedback_app.sentiment.classifier import ModelError

NEGATIVE, NEUTRAL, POSITIVE = range(3)

_MEANINGS = {
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
_CLASSES = {
    2: [NEGATIVE, POSITIVE],
    3: [NEGATIVE, NEUTRAL, POSITIVE],
    5: [NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE],
}

# Models whose card, but not whose configuration, says what LABEL_0 and its like mean.
_KNOWN = {"cardiffnlp/twitter-roberta-base-sentiment": ("negative", "neutral", "positive")}


def _meaning(label: str) -> int | None:
    words = re.sub(r"[\s_\-]+", " ", label).strip().casefold()
    stars = _STARS.fullmatch(words)
    if stars:
        count = int(stars[1] or stars[2])
        return NEUTRAL if count == 3 else NEGATIVE if count < 3 else POSITIVE
    return _MEANINGS.get(words)


def read_labels(config: Mapping[str, Any], model: str) -> list[int]:
    """Return, for each output of the model, the class that it counts for (0, 1 or 2).

    Args:
        config: the model's `config.json`.
        model: its name, for messages and for the few models known by name.

    Raises:
        ModelError: the classes cannot be told, or they are not two, three or five stars.
    """
    id2label = config.get("id2label")
    if model in _KNOWN:
        id2label = dict(enumerate(_KNOWN[model]))
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
    meanings = [_meaning(labels[index]) for index in range(len(labels))]
    known = [meaning for meaning in meanings if meaning is not None]
    if len(known) < len(meanings):
        unknown = ", ".join(repr(labels[i]) for i, m in enumerate(meanings) if m is None)
        raise ModelError(
            f"model {model}: cannot tell what the classes {unknown} mean; name them in id2label "
            "as negative, neutral and positive, negative and positive, or 1 star to 5 stars"
        )
    if sorted(known) != _CLASSES.get(len(known)) or len(set(labels.values())) < len(labels):
        raise ModelError(
            f"model {model}: its {len(labels)} classes ({', '.join(labels.values())}) are neither "
            "three of sentiment, nor two, nor five stars"
        )
    return known
