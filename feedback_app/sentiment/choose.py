"""Builds the scorer of this process from the settings."""

from feedback_app.sentiment.azure import AzureAccount
from feedback_app.sentiment.classifier import Classifier
from feedback_app.sentiment.scorer import Scorer, load_classifier
from feedback_app.settings import Settings

HASHING = "hashing"


def load_named(settings: Settings) -> Classifier:
    """Return the classifier that FEEDBACK_MODEL names; blocks for a second or two.

    `hashing` is for soak tests and benchmarks of the pipeline: its scores are meaningless.
    Raises ModelError.
    """
    if settings.model == HASHING:
        from feedback_app.sentiment.hashing import HashingClassifier

        return HashingClassifier()
    return load_classifier(settings.model, settings.model_threads, _account(settings))


def load_scorer(settings: Settings) -> Scorer:
    """Return a scorer for that classifier, loaded in the scorer's own thread."""
    if settings.model == HASHING:
        return Scorer(load_named(settings))
    return Scorer.load(settings.model, settings.model_threads, _account(settings))


def _account(settings: Settings) -> AzureAccount | None:
    endpoint, key = settings.azure_endpoint, settings.azure_key
    return AzureAccount(endpoint, key.get_secret_value()) if endpoint and key else None
