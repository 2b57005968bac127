"""From the settings to the process's scorer."""

from feedback_app.sentiment.azure import AzureAccount
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings

HASHING = "hashing"


def load_scorer(settings: Settings) -> Scorer:
    """Return the scorer that FEEDBACK_MODEL names; blocks for a second or two.

    `hashing` is for soaks and benchmarks of the pipeline: its scores mean nothing. Raises
    ModelError.
    """
    if settings.model == HASHING:
        from feedback_app.sentiment.hashing import HashingClassifier

        return Scorer(HashingClassifier())
    endpoint, key = settings.azure_endpoint, settings.azure_key
    azure = AzureAccount(endpoint, key.get_secret_value()) if endpoint and key else None
    return Scorer.load(settings.model, settings.model_threads, azure)
