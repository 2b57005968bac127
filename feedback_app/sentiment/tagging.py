"""The languages of messages: detected, and handed to the classifier with the texts."""

from collections.abc import Sequence

from feedback_app.sentiment.classifier import Said
from feedback_app.sentiment.language import language_of, tagged
from models import Feedback


def mark_languages(every: Sequence[Feedback]) -> None:
    """Set the language of each feedback to its ISO 639-1 code, or to None if it is unclear."""
    for feedback in every:
        feedback.lang = language_of(feedback.text, feedback.lang)


def tagged_text(feedback: Feedback) -> str:
    """Return the text, as a Said with its language if that is known."""
    code = tagged(feedback.lang)
    return feedback.text if code is None else Said(feedback.text, code)
