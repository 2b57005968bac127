"""From the settings to the process's scorer."""

from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.scorer import Scorer
from feedback_app.settings import Settings

AZURE = "azure"
HASHING = "hashing"


def load_scorer(settings: Settings) -> Scorer:
    """Return the scorer that FEEDBACK_MODEL names; blocks for a second or two.

    `hashing` is for soaks and benchmarks of the pipeline: its scores mean nothing. Raises
    ModelError.
    """
    if settings.model == HASHING:
        from feedback_app.sentiment.hashing import HashingClassifier

        return Scorer(HashingClassifier())
    if settings.model == AZURE:
        from feedback_app.sentiment.azure import AzureAccount, AzureClassifier

        if settings.azure_endpoint is None or settings.azure_key is None:
            raise ModelError("the model azure needs FEEDBACK_AZURE_ENDPOINT and FEEDBACK_AZURE_KEY")
        account = AzureAccount(settings.azure_endpoint, settings.azure_key.get_secret_value())
        return Scorer(AzureClassifier(account))
    return Scorer.load(settings.model, settings.model_threads)
