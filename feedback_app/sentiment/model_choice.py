"""Which classifier FEEDBACK_MODEL names: a model, a service, or one that hashes texts."""

from feedback_app.sentiment import language
from feedback_app.sentiment.azure import AzureAccount, AzureClassifier
from feedback_app.sentiment.classifier import Classifier, ModelError
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings

HASHING = "hashing"
AZURE = "azure"


def load_classifier(settings: Settings) -> Classifier:
    """Return the classifier that FEEDBACK_MODEL names; blocks for a second or two.

    `hashing` is for soak tests and benchmarks of the pipeline: its scores are meaningless.
    Raises ModelError, whose message says what to change.
    """
    if settings.model == HASHING:
        from feedback_app.sentiment.hashing import HashingClassifier

        return HashingClassifier()
    language.load()
    if settings.model == AZURE:
        return AzureClassifier(_account(settings))
    # Imports torch, which the others do not need.
    from feedback_app.sentiment.model_files import load_local

    return load_local(settings.model, settings.model_threads)


def load_scorer(settings: Settings) -> Scorer:
    """Return a scorer for that classifier; raises ModelError."""
    if settings.model == HASHING:
        return Scorer(load_classifier(settings))
    return Scorer.load(lambda: load_classifier(settings))


def _account(settings: Settings) -> AzureAccount:
    endpoint, key = settings.azure_endpoint, settings.azure_key
    if not endpoint or not key:
        raise ModelError(
            "FEEDBACK_MODEL=azure needs FEEDBACK_AZURE_ENDPOINT and FEEDBACK_AZURE_KEY"
        )
    return AzureAccount(endpoint, key.get_secret_value())
