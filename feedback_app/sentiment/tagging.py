"""Sets the language of messages and passes it to the classifier with the text."""

from collections.abc import Sequence

from feedback_app.sentiment.classifier import TaggedText
from feedback_app.sentiment.language import language_of, tag_language
from models import Feedback


def mark_languages(feedbacks: Sequence[Feedback]) -> None:
    """Set the language of each feedback to its ISO 639-1 code, or to None if it is uncertain."""
    for feedback in feedbacks:
        feedback.lang = language_of(feedback.text, feedback.lang)


def tagged_text(feedback: Feedback) -> str:
    """Return the text, as a TaggedText if its language is known."""
    code = tag_language(feedback.lang)
    return feedback.text if code is None else TaggedText(feedback.text, code)
