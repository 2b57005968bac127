"""The classifier."""

import asyncio

from feedback_app.doctor.check import Check, ill, well
from feedback_app.sentiment.classifier import ClassifierUnavailable, ModelError
from feedback_app.settings import Settings

MODEL = "model"


async def check_model(settings: Settings) -> Check:
    """Load the model and score one text."""
    from feedback_app.sentiment.scorer import Scorer

    try:
        scorer = await asyncio.to_thread(Scorer.load, settings.model, settings.model_threads)
    except ModelError as error:
        return ill(MODEL, str(error), "set FEEDBACK_MODEL to a directory or hub name, or unset it")
    try:
        (probabilities,) = await scorer.score(["It works."])
    except ClassifierUnavailable as error:
        return ill(MODEL, str(error), "check the address and key of the service")
    finally:
        scorer.close()
    return well(MODEL, f"{scorer.name} loads and scores ({probabilities.label})")
